import type {
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
import type { AttentionPolicyOptions, SequenceAttentionOptions } from './attention-types.js';
import type { AttentionProbeOptions, NativeAttentionProbe } from './attention-probe-types.js';
import type { RuntimeLogListener } from './runtime-log-line.js';

/** The exports of the compiled addon. Its errors are `NativeError`s. */
export interface NativeAddon {
  /** Loads libonnxruntime, once per process; later calls do nothing. Must come before everything else. */
  load(libraryPath: string): void;
  runtime(): RuntimeInfo;
  /** Rates in the order of the request, measured on threads of their own. */
  measureKernels(request: MeasureRequest): Promise<KernelRate[]>;
  /** Batches of log lines, until `unfollowLog`. False where another environment of the process has them. */
  followLog(listener: RuntimeLogListener): boolean;
  /** Calls the listener with what waits, if anything does, before it returns. */
  drainLog(listener: RuntimeLogListener): void;
  unfollowLog(): void;
  KvPool: new (options: KvPoolOptions) => NativeKvPool;
  LoadGate: new (options: LoadGateOptions) => NativeLoadGate;
  AttentionPolicy: new (options: AttentionPolicyOptions) => object;
  /** Of a policy, or as a copy of another one with its options. */
  SequenceAttention: new (of: object, options?: SequenceAttentionOptions) => AddonSequenceAttention;
  AttentionProbe: new (options: AttentionProbeOptions) => NativeAttentionProbe;
  Model: new (options: NativeModelOptions) => NativeModel;
}

/** The addon's own NativeSequenceAttention. */
export interface AddonSequenceAttention {
  dispose(): void;
}

export type NativeErrorKind =
  'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED' | 'CANCELLED' | 'FAILED_PRECONDITION' | 'INTERNAL';

/** What the addon throws: an Error with these properties. */
export interface NativeError {
  message: string;
  kind: NativeErrorKind;
  /** The argument at fault, if one is. */
  field?: string;
}
