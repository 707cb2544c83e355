import { AppError } from '@longhaul/kernel';
import type { NativeKvPool, NativeModel, NativeModelOptions, StepRequest, StepResult } from './addon-types.js';
import type { NativeSequenceAttention } from './attention-types.js';
import { EngineAttentionProbe } from './engine-attention-probe.js';
import { EngineSequenceAttention } from './engine-attention.js';
import { EngineKvPool } from './engine-kv-pool.js';
import { EngineLoadGate } from './engine-load-gate.js';
import type { NativeAddon } from './native-addon.js';
import { callNative, disposedError, fromNative } from './native-error.js';

function withNativeGates(request: StepRequest): StepRequest {
  if (request.gates === undefined || request.gates.length === 0) return request;
  const gates = request.gates.map(({ sequence, gate }) => ({ sequence, gate: EngineLoadGate.nativeOf(gate) }));
  return { ...request, gates };
}

/** @param taken gets the states that the step has from here on, also when one of them is refused. */
function withNativeAttention(request: StepRequest, taken: NativeSequenceAttention[]): StepRequest {
  if (request.attention === undefined || request.attention.length === 0) return request;
  const attention = request.attention.map((one) => {
    const state = EngineSequenceAttention.take(one.state);
    taken.push(one.state);
    return { ...one, state };
  });
  return { ...request, attention };
}

function withNativeProbe(request: StepRequest): StepRequest {
  return request.probe === undefined ? request : { ...request, probe: EngineAttentionProbe.nativeOf(request.probe) };
}

function rejectAsAppError(error: unknown): never {
  throw fromNative(error);
}

/**
 * A model whose methods reject with AppErrors: INVALID_ARGUMENT (with the field), CANCELLED, DISPOSED,
 * STEP_IN_PROGRESS, ENGINE_STATE (not loaded), OUT_OF_MEMORY, ENGINE_FAILED.
 */
export class EngineModel implements NativeModel {
  readonly ready: Promise<void>;
  readonly #native: NativeModel;
  #running = false;
  #disposed = false;

  constructor(addon: NativeAddon, options: NativeModelOptions) {
    this.#native = callNative(() => new addon.Model(options));
    this.ready = this.#native.ready.catch(rejectAsAppError);
    // Whoever does not wait for it meets the failure at the first step.
    this.ready.catch(() => undefined);
  }

  get vocabSize(): number {
    return callNative(() => this.#native.vocabSize);
  }

  get layersDone(): number | null {
    return this.#native.layersDone;
  }

  async step(pool: NativeKvPool, request: StepRequest): Promise<StepResult> {
    if (this.#disposed) throw disposedError('model');
    if (this.#running) {
      throw new AppError({
        code: 'FAILED_PRECONDITION',
        reason: 'STEP_IN_PROGRESS',
        message: 'A step of this model is already running; steps are one at a time.',
      });
    }
    const nativePool = EngineKvPool.nativeOf(pool);
    const prepared = withNativeProbe(withNativeGates(request));
    const taken: NativeSequenceAttention[] = [];
    this.#running = true;
    try {
      return await this.#native.step(nativePool, withNativeAttention(prepared, taken));
    } catch (error) {
      throw fromNative(error);
    } finally {
      this.#running = false;
      taken.forEach((state) => EngineSequenceAttention.giveBack(state));
    }
  }

  cancel(): void {
    if (!this.#disposed) callNative(() => this.#native.cancel());
  }

  /** Ends a step or a load in flight, then releases the session. Idempotent. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#native.dispose().catch(rejectAsAppError);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
