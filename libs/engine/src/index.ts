export type { EngineOptions } from './context.js';
export type { Drafter, OpenDrafter } from './drafting/drafter.js';
export { createEngine } from './create-engine.js';
export type { Engine, EngineQueues } from './engine.js';
export { engineViolations } from './invariants.js';
export type { EngineView } from './snapshot.js';
export type { Violation, ViolationKind } from './violation.js';
export { defaultLimits, PAGE_TOKENS, pagesFor, stepPromptTokens } from './limits.js';
export { defaultAudit, type AuditOptions } from './attention/audit.js';
export { klDivergence, MOST_KL } from './attention/kl-divergence.js';
export type { AttentionVerdict, JudgeAttention } from './attention/judge.js';
export type { EngineLimits } from './limits.js';
export type {
  Audited,
  EngineObserver,
  FallBack,
  FinishedRequest,
  StepOutcome,
  StepStats,
  TokenTally,
} from './observer.js';
export type * from './ports.js';
export { gumbelNoise, philox4x32 } from './sampling/philox.js';
export type { NoiseKey, Words } from './sampling/philox.js';
export { processLogits, sampleReference, scoreReference, survivors } from './sampling/sampler.js';
export type { EngineSnapshot, SequenceSnapshot } from './snapshot.js';
export type { PageTransfer } from './store/page-transfer.js';
export { SKIPPED_PAGE } from './store/page-transfer.js';
export type { LoadOutcome } from './store/prefix-load.js';
export { defaultStoreLimits } from './store/store-options.js';
export type { LoadPolicy, PrefixStoreOptions, StoreLimits } from './store/store-options.js';
export type { StoreActivity } from './store/stored-prefixes.js';
export type { DropReason } from './store/write-behind.js';
