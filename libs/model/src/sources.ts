export type { Checkpoint, StoredType, TensorInfo, TokenizerFiles } from './checkpoint/checkpoint.js';
export { openCheckpoint } from './checkpoint/open-checkpoint.js';
export { KNOWN_MODELS, type KnownModel } from './pull/known-models.js';
export { pullModel } from './pull/pull-model.js';
export type { FilePin, PullOptions, PullProgress } from './pull/pull-types.js';
