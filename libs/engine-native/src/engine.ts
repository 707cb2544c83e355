import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import type {
  KernelChoice,
  KernelRate,
  KvPoolOptions,
  LoadGateOptions,
  MeasureRequest,
  NativeKvPool,
  NativeLoadGate,
  NativeModel,
  NativeModelOptions,
  RuntimeInfo,
} from './addon-types.js';
import type { AttentionPolicyOptions, NativeAttentionPolicy } from './attention-types.js';
import type { AttentionProbeOptions, NativeAttentionProbe } from './attention-probe-types.js';
import { EngineAttentionProbe } from './engine-attention-probe.js';
import { EngineAttentionPolicy } from './engine-attention.js';
import { EngineKvPool } from './engine-kv-pool.js';
import { EngineLoadGate } from './engine-load-gate.js';
import { EngineModel } from './engine-model.js';
import { kernelsOfEnvironment } from './kernel-level.js';
import { addonPath, onnxRuntimePath } from './locate.js';
import type { NativeAddon } from './native-addon.js';
import { callNative, fromNative } from './native-error.js';
import { probeAddon } from './probe.js';
import type { RuntimeLogListener } from './runtime-log-line.js';
import { RuntimeLog } from './runtime-log.js';

/** The native engine of this process. */
export interface Engine {
  readonly runtime: RuntimeInfo;
  /** SHA-256 (hex) of the compiled addon: another build may compute other low bits. */
  buildId(): Promise<string>;
  /** Throws AppError INVALID_ARGUMENT or OUT_OF_MEMORY. */
  createPool(options: KvPoolOptions): NativeKvPool;
  /** Throws AppError INVALID_ARGUMENT. */
  createLoadGate(options: LoadGateOptions): NativeLoadGate;
  /** Throws AppError INVALID_ARGUMENT naming the field, for example `plans[2].unitTokens`. */
  createAttentionPolicy(options: AttentionPolicyOptions): NativeAttentionPolicy;
  /** Throws AppError INVALID_ARGUMENT naming the field. */
  createAttentionProbe(options: AttentionProbeOptions): NativeAttentionProbe;
  /**
   * How fast levels are on this machine, for a model's shapes; the event loop goes on meanwhile. Rates in the order of
   * the request. Rejects with AppError INVALID_ARGUMENT or OUT_OF_MEMORY.
   */
  measureKernels(request: MeasureRequest): Promise<readonly KernelRate[]>;
  /** Levels that LONGHAUL_KERNEL_LEVEL names, for all operators; null where it is not set. */
  readonly forcedKernels: KernelChoice | null;
  /**
   * Starts loading; `ready` of the result settles when that has ended. Without `kernels` the model uses
   * `forcedKernels`. Throws AppError INVALID_ARGUMENT.
   */
  createModel(options: NativeModelOptions): NativeModel;
  /** Gives ONNX Runtime's log lines, warnings and worse, to the listener until the returned function is called. */
  followLog(listener: RuntimeLogListener): () => void;
}

class AddonEngine implements Engine {
  readonly #addon: NativeAddon;
  readonly #log: RuntimeLog;
  readonly forcedKernels: KernelChoice | null;

  constructor(addon: NativeAddon) {
    this.#addon = addon;
    this.forcedKernels = kernelsOfEnvironment(process.env, addon.runtime().kernels);
    this.#log = new RuntimeLog(addon);
  }

  get runtime(): RuntimeInfo {
    return this.#addon.runtime();
  }

  createPool(options: KvPoolOptions): NativeKvPool {
    return new EngineKvPool(this.#addon, options);
  }

  createLoadGate(options: LoadGateOptions): NativeLoadGate {
    return new EngineLoadGate(this.#addon, options);
  }

  createAttentionPolicy(options: AttentionPolicyOptions): NativeAttentionPolicy {
    return new EngineAttentionPolicy(this.#addon, options);
  }

  createAttentionProbe(options: AttentionProbeOptions): NativeAttentionProbe {
    return new EngineAttentionProbe(this.#addon, options);
  }

  createModel(options: NativeModelOptions): NativeModel {
    const kernels = options.kernels ?? this.forcedKernels ?? {};
    return new EngineModel(this.#addon, { ...options, kernels });
  }

  buildId(): Promise<string> {
    return fileDigest(addonPath());
  }

  async measureKernels(request: MeasureRequest): Promise<readonly KernelRate[]> {
    try {
      return await this.#addon.measureKernels(request);
    } catch (error) {
      throw fromNative(error);
    }
  }

  followLog(listener: RuntimeLogListener): () => void {
    return this.#log.follow(listener);
  }
}

async function fileDigest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

function openAddon(path: string): NativeAddon {
  const holder: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(holder as NodeJS.Module, path);
  } catch (cause) {
    throw new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'ENGINE_UNUSABLE',
      message: `The native engine cannot be loaded: ${String(cause)}`,
      cause,
    });
  }
  return holder.exports as NativeAddon;
}

async function open(): Promise<Engine> {
  const addonFile = addonPath();
  const library = onnxRuntimePath();
  await probeAddon(addonFile, library);
  const addon = openAddon(addonFile);
  callNative(() => addon.load(library));
  return new AddonEngine(addon);
}

let opened: Promise<Engine> | undefined;

/**
 * Loads the addon and libonnxruntime, once per process. Rejects with AppError ENGINE_NOT_BUILT, ENGINE_UNUSABLE or, for
 * LONGHAUL_KERNEL_LEVEL, INVALID_ARGUMENT; a later call tries again.
 */
export async function loadEngine(): Promise<Engine> {
  opened ??= open();
  try {
    return await opened;
  } catch (error) {
    opened = undefined;
    throw error;
  }
}
