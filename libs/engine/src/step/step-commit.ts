import { AppError } from '@longhaul/kernel';
import type { FinishReason, TokenLogprob } from '@longhaul/inference';
import type { EngineContext } from '../context.js';
import type { Drafting } from '../drafting/drafting.js';
import { engineErrors } from '../errors.js';
import { notify } from '../observer.js';
import { isPageDefect } from '../pages/page-pool.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { DrawStatus, RunnerResult, SampleResult } from '../ports.js';
import { clientOf } from '../scheduler/waiting-queue.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { openChoice } from '../sequence/open-request.js';
import type { RequestState, Sequence } from '../sequence/sequence.js';
import type { TokenAccounts } from '../sequence/token-accounts.js';
import type { ItemResults } from './build-step.js';
import { standingDraws, type Draws } from './standing-draws.js';

/** What a commit may do to requests; the engine's lifecycle. */
export interface CommitLifecycle {
  /** The sequence's full blocks are in the prefix cache. */
  published(sequence: Sequence): void;
  /** What the sequence itself has computed cannot be trusted. Called before its blocks are withdrawn. */
  distrusted(sequence: Sequence): void;
  /** All choices have finished. */
  finish(request: RequestState, reasons: readonly FinishReason[]): void;
  fail(request: RequestState, error: AppError): void;
}

/** Applies the results of a step: pages first, then tokens, then text and events. */
export class StepCommit {
  readonly #context: EngineContext;
  readonly #blocks: BlockManager;
  readonly #scheduler: Scheduler;
  readonly #lifecycle: CommitLifecycle;
  readonly #accounts: TokenAccounts;
  readonly #drafting: Drafting;
  readonly #reasons = new WeakMap<RequestState, FinishReason[]>();

  constructor(
    context: EngineContext,
    parts: {
      blocks: BlockManager;
      scheduler: Scheduler;
      lifecycle: CommitLifecycle;
      accounts: TokenAccounts;
      drafting: Drafting;
    },
  ) {
    this.#context = context;
    this.#blocks = parts.blocks;
    this.#scheduler = parts.scheduler;
    this.#lifecycle = parts.lifecycle;
    this.#accounts = parts.accounts;
    this.#drafting = parts.drafting;
  }

  /**
   * Commits one sequence's share. A draw that failed, or text that cannot be made, ends its request alone. Throws only
   * when the accounting of pages is wrong.
   */
  apply(results: ItemResults, answer: RunnerResult): void {
    const { sequence, drafts, reservation } = results.item;
    const draws = standingDraws(results, answer);
    const verified = drafts.length > 0;
    const tokens = results.item.tokens - (verified ? drafts.length - draws.samples.length + 1 : 0);
    // Pages come first: from here on the sequence owns them, whatever happens below.
    this.#blocks.commit(sequence, tokens, reservation);
    this.#accounts.computed(sequence, sequence.computed - tokens, sequence.computed);
    if (!verified) {
      this.#applyDraws(sequence, draws);
      return;
    }
    sequence.owner.draftedTokens += drafts.length;
    const accepted = this.#applyVerified(sequence, draws.samples);
    this.#drafting.verified(sequence, { drafted: drafts.length, accepted });
  }

  /**
   * Each draw as a step of its own would have done it: the choice may end before the last one. All but the last are
   * drafted tokens. @returns how many of those have become part of the answer.
   */
  #applyVerified(sequence: Sequence, samples: readonly SampleResult[]): number {
    const { owner } = sequence;
    for (const [accepted, sample] of samples.entries()) {
      // Counted first: the request may be over behind this draw.
      if (accepted < samples.length - 1) owner.acceptedTokens++;
      this.#applyDraws(sequence, { scores: [], samples: [sample] });
      if (sequence.state !== 'running') return Math.min(accepted + 1, samples.length - 1);
    }
    return samples.length - 1;
  }

  #applyDraws(sequence: Sequence, { scores, samples }: Draws): void {
    const bad = [...scores, ...samples].find(({ status }) => status !== 'ok');
    if (bad !== undefined) {
      this.#endForDraw(sequence, bad.status);
      return;
    }
    this.#blocks.publish(sequence);
    try {
      this.#lifecycle.published(sequence);
      for (const score of scores) sequence.owner.promptLogprobs?.push(logprobOf(score));
      if (samples.length > 0) this.#applySamples(sequence, samples);
    } catch (error) {
      // A request may end while it is being committed, which gives pages back: that going wrong is not its fault.
      if (isPageDefect(error)) throw error;
      this.#lifecycle.fail(sequence.owner, AppError.from(error));
    }
  }

  /**
   * Only logits that the model itself got wrong say something about KV: then what this sequence has computed is
   * withdrawn, and nothing else. Sampling parameters cannot withdraw anything.
   */
  #endForDraw(sequence: Sequence, status: DrawStatus): void {
    if (status === 'not-finite') {
      this.#lifecycle.distrusted(sequence);
      this.#blocks.distrust(sequence);
    }
    this.#lifecycle.fail(sequence.owner, drawError(status));
  }

  #applySamples(lead: Sequence, samples: readonly SampleResult[]): void {
    const { owner } = lead;
    if (owner.firstTokenMs === null) this.#promptComputed(owner);
    const sequences = owner.forkPending ? this.#fork(lead) : [lead];
    sequences.forEach((sequence, i) => this.#applyToken(sequence, samples[i] as SampleResult));
  }

  #promptComputed(owner: RequestState): void {
    const now = this.#context.clock.monotonicMs();
    owner.firstTokenMs = now;
    const { requestId } = owner.request;
    notify(() => this.#context.observer.firstToken?.({ requestId, ttftMs: now - owner.submittedMs }));
    owner.events.push({ kind: 'prompt', cachedTokens: owner.cachedTokens, promptLogprobs: owner.promptLogprobs }, now);
  }

  /** The other choices begin with the lead's pages. */
  #fork(lead: Sequence): Sequence[] {
    const { owner } = lead;
    owner.forkPending = false;
    for (let choice = 1; choice < owner.request.n; choice++) {
      const fork = openChoice(owner, choice, this.#context);
      owner.sequences.push(fork);
      this.#blocks.share(lead, fork);
      fork.furthest = fork.computed;
      this.#scheduler.start(fork);
    }
    return [...owner.sequences];
  }

  #applyToken(sequence: Sequence, sample: SampleResult): void {
    const { owner } = sequence;
    const { request } = owner;
    const { token } = sample;
    sequence.tokens.push(token);
    sequence.statistics?.addOutput(token);
    owner.completionTokens++;
    this.#accounts.generated(sequence);
    this.#scheduler.fairShare.chargeOutput(clientOf(sequence), 1);
    const end = this.#advanceText(sequence, token);
    const now = this.#context.clock.monotonicMs();
    this.#reportPace(sequence, now);
    const logprobs = request.logprobs === null ? null : [logprobOf(sample)];
    owner.events.push({ kind: 'delta', choice: sequence.choice, text: end.text, tokenIds: [token], logprobs }, now);
    if (end.reason !== null) this.#finishChoice(sequence, end.reason, end.stopped);
  }

  #advanceText(
    sequence: Sequence,
    token: number,
  ): { text: string; reason: FinishReason | null; stopped: string | null } {
    const { stopTokens, request } = sequence.owner;
    if (stopTokens.has(token)) {
      return { ...sequence.output.end(token), reason: 'stop' };
    }
    const emission = sequence.output.push(token);
    if (emission.stopped !== null) return { ...emission, reason: 'stop' };
    if (sequence.outputLength < request.maxTokens) return { ...emission, reason: null };
    const rest = sequence.output.finish();
    const reason = rest.stopped === null ? 'length' : 'stop';
    return { text: emission.text + rest.text, reason, stopped: rest.stopped };
  }

  #reportPace(sequence: Sequence, now: number): void {
    const { requestId } = sequence.owner.request;
    const itlMs = now - sequence.lastTokenMs;
    if (sequence.outputLength > 1) notify(() => this.#context.observer.interToken?.({ requestId, itlMs }));
    sequence.lastTokenMs = now;
  }

  #finishChoice(sequence: Sequence, reason: FinishReason, stopString: string | null): void {
    const { owner } = sequence;
    const reasons = this.#reasons.get(owner) ?? [];
    this.#reasons.set(owner, reasons);
    reasons[sequence.choice] = reason;
    const now = this.#context.clock.monotonicMs();
    owner.events.push({ kind: 'finished', choice: sequence.choice, reason, stopString }, now);
    this.#scheduler.end(sequence);
    owner.unfinished--;
    if (owner.unfinished === 0) this.#lifecycle.finish(owner, reasons);
  }
}

function logprobOf(result: SampleResult): TokenLogprob {
  const top = Array.from(result.topTokens, (tokenId, i) => ({ tokenId, logprob: result.topLogprobs[i] ?? Number.NaN }));
  return { tokenId: result.token, logprob: result.logprob, top };
}

function drawError(status: DrawStatus): AppError {
  if (status === 'not-finite') return engineErrors.outputNotFinite();
  return status === 'no-candidate' ? engineErrors.noTokenLeft() : engineErrors.samplingRefused();
}
