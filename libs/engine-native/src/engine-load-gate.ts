import { invalidArgument } from '@longhaul/kernel';
import type { LoadGateOptions, NativeLoadGate } from './addon-types.js';
import type { NativeAddon } from './native-addon.js';
import { callNative } from './native-error.js';

/** A load gate whose methods throw AppErrors: INVALID_ARGUMENT. */
export class EngineLoadGate implements NativeLoadGate {
  readonly #native: NativeLoadGate;

  constructor(addon: NativeAddon, options: LoadGateOptions) {
    this.#native = callNative(() => new addon.LoadGate(options));
  }

  /** The addon's own object behind a gate. */
  static nativeOf(gate: NativeLoadGate): NativeLoadGate {
    if (typeof gate !== 'object' || gate === null || !(#native in gate)) {
      throw invalidArgument('gates.gate', 'gates.gate: must be a load gate of this engine.');
    }
    return gate.#native;
  }

  advance(layers: number): void {
    callNative(() => this.#native.advance(layers));
  }

  cancel(): void {
    this.#native.cancel();
  }

  get complete(): boolean {
    return this.#native.complete;
  }

  get cancelled(): boolean {
    return this.#native.cancelled;
  }

  get waitedMs(): number {
    return this.#native.waitedMs;
  }
}
