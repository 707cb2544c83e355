export type * from './request.js';
export { requestBounds, validateGenerationRequest } from './validate.js';
export type { RequestLimits } from './validate.js';
