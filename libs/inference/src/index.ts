export { checkQuality, qualityNames, worseQuality } from './kv-identity.js';
export type { QualityName } from './kv-identity.js';
export type * from './attention-facts.js';
export type * from './attention-usage.js';
export type * from './request.js';
export { checkSpeculation, checkSpeculationKind, draftTokenBounds, speculationKinds } from './speculation.js';
export type { Speculation, SpeculationKind } from './speculation.js';
export {
  contextLengthExceeded,
  isSeed,
  requestBounds,
  samplingFieldNames,
  samplingRanges,
  validateGenerationRequest,
} from './validate.js';
export type { NumberRange, RequestLimits } from './validate.js';
