import { AppError } from '@longhaul/kernel';
import { exactDecodeBelow } from '../attention/compiled-policies.js';
import { klDivergence } from '../attention/kl-divergence.js';
import { isStepSampled } from '../attention/step-sample.js';
import type { EngineContext } from '../context.js';
import { notify } from '../observer.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { RunnerResult, RunnerStep } from '../ports.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { Sequence } from '../sequence/sequence.js';
import type { BuiltStep } from './build-step.js';
import { denseStep, scratchTable } from './dense-step.js';

/** What a step says of the next tokens of its items: nats of divergence from dense attention, by index. */
export type Divergences = ReadonlyMap<number, number>;

/**
 * Computes a sample of decode steps under a policy a second time, densely, and compares the next token's distributions. What
 * the token would store is computed anew as well, so it goes to a scratch page: the last page of the sequence is copied there,
 * and nothing that anybody reads later is touched. One token at a time, as there is one such page.
 *
 * @remarks The KV of the tokens before is the sequence's own, computed under its policy: this is the error of one step.
 */
export class StepComparison {
  readonly #context: EngineContext;
  readonly #blocks: BlockManager;
  #pagesInUse = 0;

  constructor(context: EngineContext, blocks: BlockManager) {
    this.#context = context;
    this.#blocks = blocks;
  }

  /** Scratch pages with something on them: 0 or 1. */
  get pagesInUse(): number {
    return this.#pagesInUse;
  }

  /** Items whose step is compared, by index: by request, choice and position alone, whatever else is in the batch. */
  choose(items: readonly PlannedItem[]): number[] {
    if (this.#context.audit.klShare === 0) return [];
    return items.flatMap((item, index) => (this.#isChosen(item) ? [index] : []));
  }

  #isChosen({ sequence, past, tokens }: PlannedItem): boolean {
    const { owner, choice, promptLength, furthest } = sequence;
    const policy = sequence.attention.at(past);
    // How many tokens are drafted at once depends on load. What is computed again has been compared.
    if (policy === null || owner.request.speculation !== null || past < Math.max(promptLength, furthest)) return false;
    if (tokens !== 1 || !isStepSampled(owner.auditKey, { choice, position: past }, this.#context.audit.klShare))
      return false;
    return past >= exactDecodeBelow(policy);
  }

  /**
   * Between the answer to a step and its commit.
   *
   * @param isKept whether the sequence is still part of the step.
   * @returns of the items that were chosen; not of those that have gone meanwhile, or whose comparison failed.
   */
  async run(step: BuiltStep, answer: RunnerResult, isKept: (sequence: Sequence) => boolean): Promise<Divergences> {
    const found = new Map<number, number>();
    for (const [row, index] of step.compared.entries()) {
      const { item, firstSample } = step.results[index] as BuiltStep['results'][number];
      const drawn = answer.samples[firstSample]?.status === 'ok' && (item.gated?.gate.complete ?? true);
      if (!drawn || !isKept(item.sequence)) continue;
      const kl = await this.#compare(step, index, rowOf(answer, row, step.compared.length));
      if (kl !== null) found.set(index, kl);
    }
    return found;
  }

  async #compare(step: BuiltStep, index: number, served: Float32Array): Promise<number | null> {
    this.#pagesInUse = 1;
    this.#blocks.beginStep();
    try {
      const { logits } = await this.#context.runner.step(this.#denseStep(step, index));
      if (logits?.length !== served.length) throw new Error('the runner returned no logits');
      return klDivergence(logits, served);
    } catch (cause) {
      this.#failed(step, index, AppError.from(cause));
      return null;
    } finally {
      this.#blocks.endStep();
      this.#pagesInUse = 0;
    }
  }

  #denseStep({ request }: BuiltStep, index: number): RunnerStep {
    const { runner } = this.#context;
    // The engine does not open without one where anything is compared.
    const page = runner.scratchPage as number;
    const { blockTable, copyFrom } = scratchTable(request, index, page);
    if (copyFrom !== null) runner.copyPage(copyFrom, page);
    return denseStep(request, index, blockTable);
  }

  /** The answer goes on: that it is not compared here is told. */
  #failed({ results }: BuiltStep, index: number, error: AppError): void {
    const { requestId } = (results[index] as BuiltStep['results'][number]).item.sequence.owner.request;
    const { observer } = this.#context;
    notify(() => observer.comparisonFailed?.({ requestId, error }));
  }
}

/** Logits [vocab] of one of the rows that the step was asked for. */
function rowOf({ logits }: RunnerResult, row: number, rows: number): Float32Array {
  const vocab = (logits?.length ?? 0) / rows;
  return logits?.subarray(row * vocab, (row + 1) * vocab) ?? new Float32Array(0);
}
