import type { SequenceAttention, SequenceAttentionOptions } from '@longhaul/engine';
import type { CompiledPolicy } from '@longhaul/attention';
import type { Engine, NativeAttentionPolicy, NativeSequenceAttention } from '@longhaul/engine-native';

/** Layers and KV heads of a model. */
export interface AttentionHeads {
  readonly layers: number;
  readonly kvHeads: number;
}

/** The port's attention of a sequence over the addon's. */
class RunnerAttention implements SequenceAttention {
  readonly native: NativeSequenceAttention;

  constructor(native: NativeSequenceAttention) {
    this.native = native;
  }

  fork(): SequenceAttention {
    return new RunnerAttention(this.native.fork());
  }

  close(): void {
    this.native.dispose();
  }
}

/** What the addon keeps for a sequence that `openAttention` has opened. */
export function nativeAttentionOf(state: SequenceAttention): NativeSequenceAttention {
  if (state instanceof RunnerAttention) return state.native;
  throw new Error('a sequence has the attention of another runner');
}

/**
 * Opens sequences under compiled policies. The addon's policy is made once for each, and let go of with it.
 *
 * @throws AppError `INVALID_ARGUMENT` for a policy that the addon refuses, naming the field.
 */
export function attentionOpener(
  native: Pick<Engine, 'createAttentionPolicy'>,
  heads: AttentionHeads,
): (policy: CompiledPolicy, options?: SequenceAttentionOptions) => SequenceAttention {
  const known = new WeakMap<CompiledPolicy, NativeAttentionPolicy>();
  return (policy, options = {}) => {
    const made = known.get(policy) ?? native.createAttentionPolicy({ ...heads, ...numbersOf(policy) });
    known.set(policy, made);
    return new RunnerAttention(made.openSequence(options));
  };
}

function numbersOf({ plans, table, skipSoftmax, labels }: CompiledPolicy) {
  return { plans, table, skipSoftmax, labels };
}
