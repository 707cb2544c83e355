import { AppError } from '@longhaul/kernel';
import type { AttentionStates } from '../attention/attention-states.js';
import { StepAudit } from '../attention/step-audit.js';
import { stepReads } from '../attention/step-reads.js';
import type { EngineContext } from '../context.js';
import { engineErrors } from '../errors.js';
import type { StepStats } from '../observer.js';
import type { BlockManager, Reservation } from '../pages/block-manager.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { Sequence } from '../sequence/sequence.js';
import { buildStep, type BuiltStep } from './build-step.js';
import { StepComparison, type Divergences } from './step-comparison.js';
import { standingDraws } from './standing-draws.js';
import type { StepCommit } from './step-commit.js';
import type { RopeTables, RunnerResult, SequenceAttentionStatistics } from '../ports.js';

/** Draws of a step by whether the model's logits could be used. */
export interface DrawCounts {
  finite: number;
  notFinite: number;
}

type Attempt = { kind: 'answered'; step: BuiltStep; answer: RunnerResult } | { kind: 'failed'; error: AppError };

/** How a transaction ended. After `failed` nothing of the step is left but the verdict on its sequences. */
export type TransactionOutcome =
  | { kind: 'idle' }
  | { kind: 'committed'; stats: StepStats; draws: DrawCounts }
  | { kind: 'failed'; error: AppError; sequences: number; gaveUp: readonly Sequence[] };

/**
 * One step as a transaction: plan, reserve, run, then commit or release. Committed block tables are untouched until
 * the runner has answered; a sequence that is cancelled meanwhile gives its pages back at once and is left out.
 */
export class StepTransaction {
  readonly #context: EngineContext;
  readonly #blocks: BlockManager;
  readonly #scheduler: Scheduler;
  readonly #commit: StepCommit;
  readonly #states: AttentionStates;
  readonly #audit: StepAudit;
  readonly #comparison: StepComparison;
  readonly #reserved = new Map<Sequence, Reservation>();

  constructor(
    context: EngineContext,
    parts: { blocks: BlockManager; scheduler: Scheduler; commit: StepCommit; states: AttentionStates },
  ) {
    this.#context = context;
    this.#blocks = parts.blocks;
    this.#scheduler = parts.scheduler;
    this.#commit = parts.commit;
    this.#states = parts.states;
    this.#audit = new StepAudit(context);
    this.#comparison = new StepComparison(context, parts.blocks);
  }

  /** Runs one step; rejects only on a defect of the engine itself. */
  async run(): Promise<TransactionOutcome> {
    const { clock, rope } = this.#context;
    const startMs = clock.monotonicMs();
    this.#blocks.poisonFreed();
    const items = this.#scheduler.plan();
    if (items.length === 0) return { kind: 'idle' };
    for (const { sequence, reservation } of items) this.#reserved.set(sequence, reservation);
    const stats = describe(items);
    const attempt = await this.#attempt(items, rope, () => (stats.planMs = clock.monotonicMs() - startMs));
    if (attempt.kind === 'failed') return this.#release(items, attempt.error);
    const { step, answer } = attempt;
    const answeredMs = clock.monotonicMs();
    const divergences = await this.#comparison.run(step, answer, (sequence) => this.#reserved.has(sequence));
    const comparedMs = clock.monotonicMs();
    // Not part of the attempt: what goes wrong with one sequence is settled there, all else is the engine's defect.
    this.#applyAll(step, answer, divergences);
    const draws = countDraws(step, answer);
    return { kind: 'committed', draws, stats: this.#timed(stats, answer, { startMs, answeredMs, comparedMs }) };
  }

  /** Pages beside the pool's with something on them. */
  get scratchPagesInUse(): number {
    return this.#comparison.pagesInUse;
  }

  /** Builds the step and has it computed. Whatever throws here, nothing has been committed. */
  async #attempt(items: readonly PlannedItem[], rope: RopeTables, built: () => void): Promise<Attempt> {
    try {
      this.#blocks.copyShared(items);
      const step = buildStep(items, { rope, states: this.#states, compared: this.#comparison.choose(items) });
      built();
      const answer = await this.#compute(step);
      const { samples, scores } = step.request;
      const complete =
        answer.samples.length === samples.length &&
        answer.scores.length === scores.length &&
        answer.attention.sequences.length === step.request.attention.length;
      return complete ? { kind: 'answered', step, answer } : { kind: 'failed', error: engineErrors.stepIncomplete() };
    } catch (error) {
      return { kind: 'failed', error: AppError.from(error) };
    }
  }

  /** Pages given back meanwhile are nobody's until the runner has let go of them. */
  async #compute(step: BuiltStep): Promise<RunnerResult> {
    this.#blocks.beginStep();
    try {
      return await this.#context.runner.step(step.request);
    } finally {
      this.#blocks.endStep();
    }
  }

  /** What a step has set aside for a sequence is free again: it has ended meanwhile, or its part does not count. */
  abandon(sequence: Sequence): void {
    const reservation = this.#reserved.get(sequence);
    if (reservation === undefined) return;
    this.#reserved.delete(sequence);
    this.#blocks.release(reservation);
    sequence.attention.release();
  }

  /** Pages set aside for the step in flight. */
  reservations(): ReadonlyMap<Sequence, Reservation> {
    return this.#reserved;
  }

  #applyAll(step: BuiltStep, answer: RunnerResult, divergences: Divergences): void {
    const reads = stepReads(step.results, answer.attention);
    for (const [index, results] of step.results.entries()) {
      const { sequence } = results.item;
      // Not reserved any more: cancelled, or failed together with a sibling.
      if (!this.#reserved.has(sequence)) continue;
      if (!isSound(results.item)) {
        this.abandon(sequence);
        continue;
      }
      this.#reserved.delete(sequence);
      this.#scheduler.suspects.delete(sequence);
      sequence.attention.commit();
      const read = reads[index] as SequenceAttentionStatistics;
      const found = { read, kl: divergences.get(index) ?? null };
      sequence.owner.attention.add(read);
      // What is computed again has been judged.
      const fresh = results.item.past >= sequence.furthest;
      // Before the request may end, and be told what it has used.
      if (fresh) this.#audit.tally(results.item, found);
      this.#commit.apply(results, answer);
      if (fresh) this.#audit.judge(results.item, found);
    }
  }

  /** After a failure every sequence of the step is tried alone; one that then fails again is given up. */
  #release(items: readonly PlannedItem[], error: AppError): TransactionOutcome {
    const alone = items.length === 1;
    const gaveUp: Sequence[] = [];
    for (const { sequence, gated } of items) {
      gated?.gate.cancel();
      if (!this.#reserved.has(sequence)) continue;
      this.abandon(sequence);
      // It is not running yet, and does not join a step early again.
      if (gated !== null) continue;
      if (alone && this.#scheduler.suspects.has(sequence)) gaveUp.push(sequence);
      else this.#scheduler.suspects.add(sequence);
    }
    return { kind: 'failed', error, sequences: items.length, gaveUp };
  }

  #timed(
    stats: StepStats,
    answer: RunnerResult,
    at: { startMs: number; answeredMs: number; comparedMs: number },
  ): StepStats {
    const commitMs = this.#context.clock.monotonicMs() - at.comparedMs;
    const compareMs = at.comparedMs - at.answeredMs;
    const waitMs = at.answeredMs - at.startMs - stats.planMs;
    const { runMs, sampleMs, attention } = answer;
    return { ...stats, runMs, sampleMs, kvReadBytes: attention.kvReadBytes, waitMs, compareMs, commitMs };
  }
}

/** Whether the sequence has everything that the step has read. Gives it what it has been computed upon, if so. */
function isSound({ sequence, past, gated }: PlannedItem): boolean {
  return gated === null || (gated.claim() && sequence.computed === past);
}

function countDraws({ results }: BuiltStep, answer: RunnerResult): DrawCounts {
  const draws = results.flatMap((of) => Object.values(standingDraws(of, answer)).flat());
  return {
    finite: draws.filter(({ status }) => status !== 'not-finite').length,
    notFinite: draws.filter(({ status }) => status === 'not-finite').length,
  };
}

function describe(items: readonly PlannedItem[]): StepStats {
  const decodes = items.filter(
    ({ sequence, past }) => sequence.outputLength > 0 && sequence.tokens.length - past === 1,
  );
  const total = items.reduce((sum, { tokens }) => sum + tokens, 0);
  const draftTokens = items.reduce((sum, { drafts }) => sum + drafts.length, 0);
  return {
    sequences: items.length,
    prefillTokens: total - decodes.length - draftTokens,
    decodeTokens: decodes.length,
    draftTokens,
    prefillPairs: items.reduce((sum, { past, tokens }) => sum + tokens * (past + tokens / 2), 0),
    gatedSequences: items.filter(({ gated }) => gated !== null).length,
    ...{ planMs: 0, runMs: 0, sampleMs: 0, kvReadBytes: 0, waitMs: 0, compareMs: 0, commitMs: 0 },
  };
}
