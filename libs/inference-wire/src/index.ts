export { fromGenerateResponse, toGenerateResponse } from './generation-events.js';
export type { Asked } from './generation-events.js';
export { fromGetModelResponse, toGetModelResponse, toModelInfoResponse } from './model-info.js';
export { fromSampling, fromStop, toSampling, toStop } from './parameters.js';
export { fromQuality, toQuality } from './quality.js';
export { fromSpeculation, toSpeculation } from './speculation.js';
export { fromWorkerRequest, toWorkerRequest } from './worker-request.js';
