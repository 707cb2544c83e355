import { AppError, systemClock } from '@longhaul/kernel';
import {
  validateGenerationRequest,
  type BackendLoad,
  type FinishReason,
  type GenerationEvent,
  type GenerationRequest,
} from '@longhaul/inference';
import { assertPolicy } from './attention/assert-policy.js';
import { AttentionStates } from './attention/attention-states.js';
import { CompiledPolicies } from './attention/compiled-policies.js';
import { checkAudit, defaultAudit } from './attention/audit.js';
import { keepPolicies } from './attention/judge.js';
import type { EngineContext, EngineOptions } from './context.js';
import type { Engine, EngineQueues } from './engine.js';
import { Drafting } from './drafting/drafting.js';
import { openDrafter } from './drafting/open-drafter.js';
import { engineErrors } from './errors.js';
import { IdleCheck } from './idle-check.js';
import { checkLimits, PAGE_TOKENS, pagesFor } from './limits.js';
import { notify } from './observer.js';
import { ChainRoots } from './keys/chain-roots.js';
import { BlockManager } from './pages/block-manager.js';
import { RetryHint } from './scheduler/retry-hint.js';
import { Scheduler } from './scheduler/scheduler.js';
import { openRequest, retable } from './sequence/open-request.js';
import { usageOf } from './sequence/request-usage.js';
import type { RequestState, Sequence } from './sequence/sequence.js';
import { TokenAccounts } from './sequence/token-accounts.js';
import { StoredPrefixes, type StoreActivity } from './store/stored-prefixes.js';
import { WakeUp } from './wake-up.js';
import { takeSnapshot, viewOf, type EngineSnapshot, type SnapshotParts } from './snapshot.js';
import { EngineTrial } from './step/engine-trial.js';
import { StepCommit } from './step/step-commit.js';
import { StepTransaction, type TransactionOutcome } from './step/step-transaction.js';
import { EventBuffer } from './stream/event-buffer.js';

/** Longest time without a look at deadlines while nothing can be computed. */
const IDLE_LOOK_MS = 50;
/** Sealed blocks are written for so long after the last request. */
const DEFAULT_FLUSH_MS = 10_000;

type Mode = 'serving' | 'draining' | 'closed' | 'failed';

/** The engine's lifecycle: requests in, steps while there are any, requests out. See {@link Engine}. */
export class EngineCore implements Engine {
  readonly #context: EngineContext;
  readonly #blocks: BlockManager;
  readonly #scheduler: Scheduler;
  readonly #transaction: StepTransaction;
  readonly #requests = new Map<string, RequestState>();
  readonly #retryHint = new RetryHint();
  #mode: Mode = 'serving';
  readonly #store: StoredPrefixes | null;
  readonly #wake = new WakeUp();
  readonly #trial: EngineTrial;
  readonly #idleCheck: IdleCheck;
  readonly #drafting: Drafting;
  readonly #accounts: TokenAccounts;
  readonly #states: AttentionStates;
  #failure: AppError | null = null;
  #loop: Promise<void> | null = null;

  constructor(options: EngineOptions) {
    checkLimits(options.limits);
    checkAudit(options.audit ?? defaultAudit, options.runner);
    const roots = new ChainRoots(options.model, options.store ?? null);
    const { runner, limits } = options;
    const policies = new CompiledPolicies({ runner, limits, shape: options.attention?.shape ?? null });
    const defaults = {
      clock: systemClock,
      observer: {},
      store: null,
      attention: null,
      openDrafter,
      audit: defaultAudit,
      judgeAttention: keepPolicies,
    };
    this.#context = { ...defaults, ...options, roots, policies };
    this.#states = new AttentionStates(runner);
    const { observer, clock } = this.#context;
    this.#accounts = new TokenAccounts(observer);
    this.#blocks = new BlockManager(runner, limits, {
      nowMs: () => clock.monotonicMs(),
      evicted: (block) => notify(() => observer.blockEvicted?.(block)),
      reused: (block) => notify(() => observer.blockReused?.(block)),
    });
    this.#store = this.#openStore();
    this.#drafting = new Drafting(this.#context);
    this.#scheduler = new Scheduler(limits, {
      blocks: this.#blocks,
      loader: this.#store,
      drafting: this.#drafting,
      events: {
        loading: ({ owner }) => (owner.admittedMs ??= this.#context.clock.monotonicMs()),
        admitted: (sequence, cachedTokens, loadedTokens) => this.#onAdmitted(sequence, cachedTokens, loadedTokens),
        preempted: (sequence, lostTokens) => this.#onPreempted(sequence, lostTokens),
        outgrown: (sequence) => retable(sequence, this.#context),
      },
    });
    const parts = { blocks: this.#blocks, scheduler: this.#scheduler, drafting: this.#drafting };
    const lifecycle = {
      published: (sequence: Sequence) => this.#store?.offer(sequence),
      distrusted: (sequence: Sequence) => this.#store?.distrust(sequence),
      finish: (request: RequestState, reasons: readonly FinishReason[]) => this.#finish(request, reasons),
      fail: (request: RequestState, error: AppError) => this.#fail(request, error),
    };
    const commit = new StepCommit(this.#context, { ...parts, lifecycle, accounts: this.#accounts });
    this.#transaction = new StepTransaction(this.#context, { ...parts, commit, states: this.#states });
    this.#trial = new EngineTrial(this.#context, this.#blocks);
    this.#idleCheck = this.#openIdleCheck();
  }

  submit(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<GenerationEvent> {
    let state: RequestState | null = null;
    const events = new EventBuffer(() => {
      if (state !== null) this.#fail(state, engineErrors.cancelled());
    });
    try {
      this.#assertAcceptable(request, signal);
      state = openRequest(request, this.#context, events);
      this.#accept(state, signal);
    } catch (error) {
      const refusal = AppError.from(error);
      notify(() => this.#context.observer.rejected?.({ requestId: request.requestId, error: refusal }));
      events.fail(refusal);
    }
    return events;
  }

  load(): BackendLoad {
    const { total, active } = this.#blocks.pool.counts();
    return {
      ready: this.#mode === 'serving',
      running: this.#scheduler.running.length + this.#scheduler.loading.size,
      waiting: this.#scheduler.waiting.size,
      kvUsage: active / total,
    };
  }

  failure(): AppError | null {
    return this.#failure;
  }

  queues(): EngineQueues {
    const { running, waiting, loading } = this.#scheduler;
    return { running: running.length, waiting: waiting.size, loading: loading.size };
  }

  drafterBytes(): number {
    return this.#drafting.bytesOf(this.#scheduler.running);
  }

  scratchPagesInUse(): number {
    return this.#transaction.scratchPagesInUse;
  }

  storeActivity(): StoreActivity | null {
    return this.#store?.activity() ?? null;
  }

  snapshot(): EngineSnapshot {
    return takeSnapshot(this.#snapshotParts());
  }

  #snapshotParts(): SnapshotParts {
    const { limits } = this.#context;
    const reservations = this.#transaction.reservations();
    return { limits, blocks: this.#blocks, scheduler: this.#scheduler, reservations, states: this.#states };
  }

  #openIdleCheck(): IdleCheck {
    const { limits, clock, observer } = this.#context;
    const parts = this.#snapshotParts();
    return new IdleCheck({
      ...{ limits, clock },
      view: () => {
        const { writing = 0, loading = 0 } = this.storeActivity() ?? {};
        return { ...viewOf(parts), activeTransfers: writing + loading };
      },
      changes: () => this.#blocks.pool.changes,
      checked: (result) => notify(() => observer.checked?.(result)),
    });
  }

  async drain(): Promise<void> {
    if (this.#mode === 'serving') this.#mode = 'draining';
    await this.#loop;
  }

  async close(flushTimeoutMs = DEFAULT_FLUSH_MS): Promise<void> {
    if (this.#mode !== 'failed') this.#mode = 'closed';
    this.#idleCheck.stop();
    this.#failAll(() => engineErrors.closed());
    await this.#loop;
    await this.#store?.close(flushTimeoutMs);
  }

  #openStore(): StoredPrefixes | null {
    const { store, limits, clock, observer, runner, roots } = this.#context;
    if (store === null || !limits.prefixCaching) return null;
    const wake = (): void => this.#wake.notify();
    const defect = (cause: unknown): void => this.#break(cause);
    const chunkTokens = limits.maxPrefillTokens;
    const parts = { clock, observer, runner, chunkTokens, blocks: this.#blocks, roots, wake, defect };
    return new StoredPrefixes(store, parts);
  }

  #assertAcceptable(request: GenerationRequest, signal: AbortSignal | undefined): void {
    const { model, limits } = this.#context;
    if (this.#mode === 'failed') throw engineErrors.broken(undefined);
    if (this.#mode === 'closed') throw engineErrors.closed();
    if (this.#mode === 'draining') throw engineErrors.draining();
    if (signal?.aborted === true) throw engineErrors.cancelled(signal.reason);
    validateGenerationRequest(request, model);
    assertPolicy(request, this.#context);
    if (this.#requests.has(request.requestId)) throw engineErrors.duplicateId();
    if (request.n > limits.maxSequences) throw engineErrors.tooManyChoices(request.n, limits.maxSequences);
    // The last token is drawn but never stored.
    const neededTokens = request.promptTokenIds.length + request.maxTokens - 1;
    const capacityTokens = limits.pages * PAGE_TOKENS;
    if (pagesFor(neededTokens) > limits.pages) throw engineErrors.kvCapacity({ neededTokens, capacityTokens });
    if (request.deadlineMs !== null && this.#context.clock.monotonicMs() >= request.deadlineMs) {
      throw engineErrors.deadline();
    }
    this.#assertRoomToWait(request.promptTokenIds.length);
  }

  #assertRoomToWait(promptTokens: number): void {
    const { maxWaiting, maxWaitingTokens } = this.#context.limits;
    const { freshCount: waiting, freshTokens } = this.#scheduler.waiting;
    const retryAfterMs = this.#retryHint.afterMs(waiting);
    if (waiting >= maxWaiting) throw engineErrors.queueFull({ waiting, maxWaiting, retryAfterMs });
    // A prompt larger than the bound may still wait alone, or it could never be served.
    const waitingTokens = freshTokens + promptTokens;
    if (waiting > 0 && waitingTokens > maxWaitingTokens) {
      throw engineErrors.queueTokensFull({ waitingTokens, maxWaitingTokens, retryAfterMs });
    }
  }

  #accept(state: RequestState, signal: AbortSignal | undefined): void {
    const { requestId, promptTokenIds, maxTokens, n } = state.request;
    const onAbort = (): void => this.#fail(state, engineErrors.cancelled(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    state.detach = () => signal?.removeEventListener('abort', onAbort);
    this.#requests.set(requestId, state);
    for (const sequence of state.sequences) this.#scheduler.waiting.add(sequence);
    const waiting = this.#scheduler.waiting.size;
    const queued = { requestId, promptTokens: promptTokenIds.length, maxTokens, n, waiting };
    notify(() => this.#context.observer.queued?.(queued));
    this.#wake.notify();
    this.#idleCheck.stop();
    this.#loop ??= this.#runLoop();
  }

  /** Steps until no request is left. Never rejects: a defect of the engine fails all requests instead of hanging. */
  async #runLoop(): Promise<void> {
    // Requests that are submitted together belong into one batch.
    await Promise.resolve();
    try {
      while (this.#requests.size > 0) await this.#step();
    } catch (error) {
      this.#break(error);
    } finally {
      this.#loop = null;
      if (this.#mode === 'serving') this.#idleCheck.start();
    }
  }

  async #step(): Promise<void> {
    this.#expire();
    if (this.#requests.size === 0) return;
    this.#wake.reset();
    const outcome = await this.#transaction.run();
    if (outcome.kind === 'idle') {
      await this.#awaitTransfers();
      return;
    }
    this.#settle(outcome);
    if (!this.#trial.observe(outcome)) return;
    const verdict = await this.#trial.run();
    if (verdict.kind === 'broken') this.#break(verdict.cause);
  }

  #settle(outcome: Exclude<TransactionOutcome, { kind: 'idle' }>): void {
    if (outcome.kind === 'committed') {
      const { kind, stats } = outcome;
      this.#store?.observeStep(stats);
      this.#drafting.observeStep(stats);
      notify(() => this.#context.observer.step?.({ kind, stats }));
      return;
    }
    const { error, sequences, gaveUp } = outcome;
    notify(() => this.#context.observer.step?.({ kind: 'failed', error, sequences, gaveUp: gaveUp.length }));
    for (const sequence of gaveUp) this.#fail(sequence.owner, engineErrors.stepFailed(error));
  }

  /** There is nothing to compute until a load has ended. Deadlines and new requests are looked at meanwhile. */
  async #awaitTransfers(): Promise<void> {
    if (this.#requests.size === 0) return;
    if (!this.#scheduler.awaitsTransfers) {
      if (this.#wake.notified) return;
      throw new Error('requests are waiting but none can be planned');
    }
    await this.#wake.wait(IDLE_LOOK_MS);
  }

  /** Ends what is past its deadline and what nobody reads. */
  #expire(): void {
    const { clock, limits } = this.#context;
    const now = clock.monotonicMs();
    for (const state of [...this.#requests.values()]) {
      const { deadlineMs } = state.request;
      const { unreadSinceMs } = state.events;
      const { stallTimeoutMs } = limits;
      if (deadlineMs !== null && now >= deadlineMs) this.#fail(state, engineErrors.deadline());
      else if (stallTimeoutMs !== null && unreadSinceMs !== null && now - unreadSinceMs >= stallTimeoutMs) {
        this.#fail(state, engineErrors.stalled(stallTimeoutMs));
      }
    }
  }

  #break(cause: unknown): void {
    const failure = engineErrors.broken(cause);
    this.#mode = 'failed';
    this.#failure ??= failure;
    notify(() => this.#context.observer.broken?.({ error: failure }));
    this.#failAll(() => engineErrors.broken(cause));
  }

  #failAll(error: () => AppError): void {
    for (const state of [...this.#requests.values()]) this.#fail(state, error());
  }

  #fail(state: RequestState, error: AppError): void {
    if (state.ended) return;
    this.#forget(state);
    state.events.fail(error);
    notify(() => this.#context.observer.failed?.({ requestId: state.request.requestId, error }));
  }

  #finish(state: RequestState, reasons: readonly FinishReason[]): void {
    this.#forget(state);
    const { request, submittedMs } = state;
    const now = this.#context.clock.monotonicMs();
    const admittedMs = state.admittedMs ?? now;
    const firstTokenMs = state.firstTokenMs ?? now;
    const timings = {
      queueMs: admittedMs - submittedMs,
      prefillMs: firstTokenMs - admittedMs,
      decodeMs: now - firstTokenMs,
    };
    const usage = usageOf(state, this.#context.roots);
    state.events.push({ kind: 'done', usage, timings }, now);
    state.events.close();
    this.#retryHint.finished(now);
    const { requestId } = request;
    const longestChoiceTokens = Math.max(...state.sequences.map(({ outputLength }) => outputLength));
    const policy = { label: state.compiled.label, density: state.attention.density };
    const finished = { requestId, reasons, usage, longestChoiceTokens, timings, totalMs: now - submittedMs, policy };
    notify(() => this.#context.observer.finished?.(finished));
  }

  /** Frees everything a request holds, reserved pages of a step in flight included. */
  #forget(state: RequestState): void {
    state.ended = true;
    state.detach();
    this.#wake.notify();
    this.#requests.delete(state.request.requestId);
    for (const sequence of state.sequences) {
      this.#transaction.abandon(sequence);
      if (sequence.state !== 'ended') this.#scheduler.end(sequence);
    }
  }

  #onAdmitted(sequence: Sequence, pooledTokens: number, loadedTokens: number): void {
    const { owner } = sequence;
    // A load that has ended between a plan without work and the wait for it leaves something to plan.
    this.#wake.notify();
    this.#accounts.given(sequence, pooledTokens, loadedTokens);
    // What a waiting request finds in the pool may lack a write to the store.
    this.#store?.offer(sequence);
    if (owner.admissionReported) return;
    owner.admissionReported = true;
    owner.admittedMs ??= this.#context.clock.monotonicMs();
    const cachedTokens = pooledTokens + loadedTokens;
    owner.cachedTokens = cachedTokens;
    const queueMs = owner.admittedMs - owner.submittedMs;
    const { requestId, promptTokenIds } = owner.request;
    const admitted = { requestId, queueMs, promptTokens: promptTokenIds.length, cachedTokens, loadedTokens };
    notify(() => this.#context.observer.admitted?.(admitted));
  }

  #onPreempted(sequence: Sequence, lostTokens: number): void {
    const { requestId } = sequence.owner.request;
    notify(() => this.#context.observer.preempted?.({ requestId, choice: sequence.choice, lostTokens }));
  }
}
