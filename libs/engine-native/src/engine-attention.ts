import { AppError, invalidArgument } from '@longhaul/kernel';
import type {
  AttentionPolicyOptions,
  NativeAttentionPolicy,
  NativeSequenceAttention,
  SequenceAttentionOptions,
} from './attention-types.js';
import type { AddonSequenceAttention, NativeAddon } from './native-addon.js';
import { callNative, disposedError } from './native-error.js';

/** A policy that throws AppErrors: INVALID_ARGUMENT with the field. */
export class EngineAttentionPolicy implements NativeAttentionPolicy {
  readonly #addon: NativeAddon;
  readonly #native: object;

  constructor(addon: NativeAddon, options: AttentionPolicyOptions) {
    this.#addon = addon;
    this.#native = callNative(() => new addon.AttentionPolicy(options));
  }

  /** Throws AppError INVALID_ARGUMENT with the field. */
  openSequence(options: SequenceAttentionOptions = {}): NativeSequenceAttention {
    return new EngineSequenceAttention(this.#addon, this.#native, options);
  }
}

/** The attention of a sequence: of a policy of the addon, or a copy of another one. Throws AppErrors: DISPOSED. */
export class EngineSequenceAttention implements NativeSequenceAttention {
  readonly #addon: NativeAddon;
  readonly #native: AddonSequenceAttention;
  #disposed = false;
  #inUse = false;

  constructor(addon: NativeAddon, of: object, options: SequenceAttentionOptions = {}) {
    this.#addon = addon;
    this.#native = callNative(() => new addon.SequenceAttention(of, options));
  }

  /** The addon's own object, for a step that has it until `giveBack`. Throws AppError FAILED_PRECONDITION while another has. */
  static take(state: NativeSequenceAttention): NativeSequenceAttention {
    if (typeof state !== 'object' || state === null || !(#native in state)) {
      throw invalidArgument('attention.state', 'attention.state: must be the attention of a sequence of this engine.');
    }
    const native = state.#idle();
    state.#inUse = true;
    // What the addon reads of it is no method.
    return native as NativeSequenceAttention;
  }

  static giveBack(state: NativeSequenceAttention): void {
    if (#native in state) state.#inUse = false;
  }

  /** Throws AppError FAILED_PRECONDITION while a step has it: it would copy what is being written. */
  fork(): NativeSequenceAttention {
    return new EngineSequenceAttention(this.#addon, this.#idle());
  }

  /** Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #idle(): AddonSequenceAttention {
    if (this.#disposed) throw disposedError('sequence attention');
    if (this.#inUse) {
      throw new AppError({
        code: 'FAILED_PRECONDITION',
        reason: 'STEP_IN_PROGRESS',
        message: 'attention.state: a step uses it.',
        field: 'attention.state',
      });
    }
    return this.#native;
  }
}
