export { KERNEL_LEVELS, KERNEL_OPERATORS, KV_DTYPES, NO_PAGE, PAGE_TOKENS, SKIPPED_PAGE } from './addon-types.js';
export type {
  AttentionStatistics,
  DrawStatus,
  KernelCandidate,
  KernelChoice,
  KernelLevel,
  KernelOperator,
  KernelRate,
  KernelTable,
  KvDtype,
  KvMetadataChannel,
  KvPoolOptions,
  LoadGateOptions,
  MatrixShape,
  MeasuredOperator,
  MeasureRequest,
  NativeKvPool,
  NativeLoadGate,
  NativeModel,
  NativeModelOptions,
  ProcessorInfo,
  RuntimeInfo,
  SampleResult,
  SampleSpec,
  ScoreSpec,
  StepRequest,
  StepResult,
} from './addon-types.js';
export type {
  AttentionPolicyOptions,
  AuditStatistics,
  NativeAttentionPolicy,
  NativeHeadPlan,
  NativeSequenceAttention,
  SequenceAttentionOptions,
  SequenceAttentionStatistics,
} from './attention-types.js';
export type { AttentionProbeOptions, AttentionProbeSums, NativeAttentionProbe } from './attention-probe-types.js';
export { loadEngine } from './engine.js';
export type { Engine } from './engine.js';
export { KERNEL_LEVEL_VARIABLE, unmeasuredKernels } from './kernel-level.js';
export { kvPageBytes, kvSectionBytes } from './kv-layout.js';
export type { KvShape } from './kv-layout.js';
export type { RuntimeLogLine, RuntimeLogListener } from './runtime-log-line.js';
export { onnxRuntimePath } from './locate.js';
