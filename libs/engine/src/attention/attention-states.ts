import type { CompiledPolicy } from '@longhaul/attention';
import type { ModelRunner, SequenceAttention, SequenceAttentionOptions } from '../ports.js';

/** A runner's state of one sequence. Whoever has it closes it, once. */
export interface OpenAttention {
  readonly policy: CompiledPolicy;
  readonly state: SequenceAttention;
  fork(): OpenAttention;
  close(): void;
}

/** Opens what a runner keeps for sequences under a policy, and counts what is open, so that none is left behind. */
export class AttentionStates {
  readonly #runner: ModelRunner;
  #open = 0;

  constructor(runner: ModelRunner) {
    this.#runner = runner;
  }

  /** Open states. */
  get open(): number {
    return this.#open;
  }

  /** @throws Error where the runner knows no policies: requests are refused before. */
  openFor(policy: CompiledPolicy, options: SequenceAttentionOptions): OpenAttention {
    if (this.#runner.openAttention === undefined) throw new Error('the runner has no attention policies');
    return this.#wrap(policy, this.#runner.openAttention(policy, options));
  }

  #wrap(policy: CompiledPolicy, state: SequenceAttention): OpenAttention {
    this.#open++;
    return {
      ...{ policy, state },
      fork: () => this.#wrap(policy, state.fork()),
      close: () => {
        this.#open--;
        state.close();
      },
    };
  }
}
