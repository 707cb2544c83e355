import { invalidArgument } from '@longhaul/kernel';
import type { AttentionProbeOptions, AttentionProbeSums, NativeAttentionProbe } from './attention-probe-types.js';
import type { NativeAddon } from './native-addon.js';
import { callNative } from './native-error.js';

/** A probe that throws AppErrors: INVALID_ARGUMENT with the field. */
export class EngineAttentionProbe implements NativeAttentionProbe {
  readonly #native: NativeAttentionProbe;

  constructor(addon: NativeAddon, options: AttentionProbeOptions) {
    this.#native = callNative(() => new addon.AttentionProbe(options));
  }

  /** The addon's own object. */
  static nativeOf(probe: NativeAttentionProbe): NativeAttentionProbe {
    if (typeof probe !== 'object' || probe === null || !(#native in probe)) {
      throw invalidArgument('probe', 'probe: must be an attention probe of this engine.');
    }
    return probe.#native;
  }

  sums(): AttentionProbeSums {
    return callNative(() => this.#native.sums());
  }
}
