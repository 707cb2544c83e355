export type * from './request.js';
export {
  contextLengthExceeded,
  isSeed,
  requestBounds,
  samplingFieldNames,
  samplingRanges,
  validateGenerationRequest,
} from './validate.js';
export type { NumberRange, RequestLimits } from './validate.js';
