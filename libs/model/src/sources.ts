export type { Checkpoint, StoredType, TensorInfo, TokenizerFiles } from './checkpoint/checkpoint.js';
export { openCheckpoint } from './checkpoint/open-checkpoint.js';
