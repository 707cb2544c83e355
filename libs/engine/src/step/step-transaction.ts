import { AppError } from '@longhaul/kernel';
import type { EngineContext } from '../context.js';
import type { StepStats } from '../observer.js';
import type { BlockManager, Reservation } from '../pages/block-manager.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { Sequence } from '../sequence/sequence.js';
import { buildStep, type BuiltStep } from './build-step.js';
import type { StepCommit } from './step-commit.js';
import type { RunnerResult } from '../ports.js';

/** How a transaction ended. After `failed` nothing of the step is left but the verdict on its sequences. */
export type TransactionOutcome =
  | { kind: 'idle' }
  | { kind: 'committed'; stats: StepStats }
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
  readonly #reserved = new Map<Sequence, Reservation>();

  constructor(context: EngineContext, parts: { blocks: BlockManager; scheduler: Scheduler; commit: StepCommit }) {
    this.#context = context;
    this.#blocks = parts.blocks;
    this.#scheduler = parts.scheduler;
    this.#commit = parts.commit;
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
    try {
      this.#blocks.copyShared(items);
      const step = buildStep(items, rope);
      stats.planMs = clock.monotonicMs() - startMs;
      const answer = await this.#compute(step);
      const answeredMs = clock.monotonicMs();
      this.#applyAll(step, answer);
      return { kind: 'committed', stats: this.#timed(stats, answer, { startMs, answeredMs }) };
    } catch (error) {
      return this.#release(items, AppError.from(error));
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

  /** A sequence ends while its step is running: its reserved pages are free again. */
  abandon(sequence: Sequence): void {
    const reservation = this.#reserved.get(sequence);
    if (reservation === undefined) return;
    this.#reserved.delete(sequence);
    this.#blocks.release(reservation);
  }

  /** Pages set aside for the step in flight. */
  reservations(): ReadonlyMap<Sequence, Reservation> {
    return this.#reserved;
  }

  #applyAll(step: BuiltStep, answer: RunnerResult): void {
    for (const results of step.results) {
      const { sequence } = results.item;
      // Not reserved any more: cancelled, or failed together with a sibling.
      if (!this.#reserved.has(sequence)) continue;
      if (!isSound(results.item)) {
        this.abandon(sequence);
        continue;
      }
      this.#reserved.delete(sequence);
      this.#scheduler.suspects.delete(sequence);
      this.#commit.apply(results, answer);
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

  #timed(stats: StepStats, answer: RunnerResult, at: { startMs: number; answeredMs: number }): StepStats {
    const commitMs = this.#context.clock.monotonicMs() - at.answeredMs;
    const waitMs = at.answeredMs - at.startMs - stats.planMs;
    return { ...stats, runMs: answer.runMs, sampleMs: answer.sampleMs, waitMs, commitMs };
  }
}

/** Whether the sequence has everything that the step has read. Gives it what it has been computed upon, if so. */
function isSound({ sequence, past, gated }: PlannedItem): boolean {
  return gated === null || (gated.claim() && sequence.computed === past);
}

function describe(items: readonly PlannedItem[]): StepStats {
  const decodes = items.filter(
    ({ sequence, past }) => sequence.outputLength > 0 && sequence.tokens.length - past === 1,
  );
  const total = items.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    sequences: items.length,
    prefillTokens: total - decodes.length,
    decodeTokens: decodes.length,
    prefillPairs: items.reduce((sum, { past, tokens }) => sum + tokens * (past + tokens / 2), 0),
    gatedSequences: items.filter(({ gated }) => gated !== null).length,
    ...{ planMs: 0, runMs: 0, sampleMs: 0, waitMs: 0, commitMs: 0 },
  };
}
