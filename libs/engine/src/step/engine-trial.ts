import { AppError } from '@longhaul/kernel';
import type { EngineContext } from '../context.js';
import { engineErrors } from '../errors.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { RunnerStep, SampleSpec } from '../ports.js';
import type { TransactionOutcome } from './step-transaction.js';

/** What a trial found out. `undecided`: there was no page for it; the next failure asks again. */
export type TrialVerdict = { kind: 'sound' } | { kind: 'undecided' } | { kind: 'broken'; cause: AppError };

const NONE = new Int32Array(0);

/**
 * Tells a broken engine from requests that cannot be computed. What requests do only raises doubt; after enough of it
 * in a row the engine computes one token of its own, and only if that fails is the engine broken.
 */
export class EngineTrial {
  readonly #context: EngineContext;
  readonly #blocks: BlockManager;
  #doubts = 0;

  constructor(context: EngineContext, blocks: BlockManager) {
    this.#context = context;
    this.#blocks = blocks;
  }

  /** Takes the outcome of a step. @returns whether there is enough doubt for a trial. */
  observe(outcome: Exclude<TransactionOutcome, { kind: 'idle' }>): boolean {
    if (outcome.kind === 'committed') {
      if (outcome.draws.finite > 0) this.#doubts = 0;
      else if (outcome.draws.notFinite > 0) this.#doubts++;
    } else this.#doubts++;
    return this.#doubts >= this.#context.limits.maxConsecutiveFailures;
  }

  /** One token of the engine's own. Between steps only. */
  async run(): Promise<TrialVerdict> {
    const hold = this.#blocks.holdFresh(1);
    if (hold === null) return { kind: 'undecided' };
    try {
      const answer = await this.#context.runner.step(this.#step(hold.pages[0] as number));
      const [sample] = answer.samples;
      if (sample?.status !== 'ok') return { kind: 'broken', cause: engineErrors.outputNotFinite() };
      this.#doubts = 0;
      return { kind: 'sound' };
    } catch (error) {
      return { kind: 'broken', cause: AppError.from(error) };
    } finally {
      this.#blocks.releaseHold(hold);
    }
  }

  #step(page: number): RunnerStep {
    const { rope } = this.#context;
    const table = rope.forLength(2);
    return {
      tokenIds: Int32Array.of(0),
      cuSeqlens: Int32Array.of(0, 1),
      pastLens: Int32Array.of(0),
      blockTable: Int32Array.of(page),
      blockTableWidth: 1,
      ropeInvFreq: table.invFreq,
      ropeScale: table.scale,
      ropeClasses: rope.classes,
      attention: [],
      logitRows: Int32Array.of(0),
      samples: [GREEDY],
      scores: [],
      gates: [],
      wantLogits: false,
    };
  }
}

const GREEDY: SampleSpec = {
  ...{ row: 0, temperature: 0, topP: 1, topK: 0, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ seenTokens: NONE, seenCounts: NONE, biasTokens: NONE, biasValues: new Float32Array(0), bannedTokens: NONE },
  ...{ seed: 0n, stream: 0, position: 1, logprobs: -1 },
};
