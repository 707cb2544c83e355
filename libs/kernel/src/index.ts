export { AppError, invalidArgument } from './app-error.js';
export { listenFailed } from './listen-failed.js';
export type { ListenAddress } from './listen-failed.js';
export type { AppErrorOptions, ErrorCode, Retry } from './app-error.js';
export { monotonicMs, steadyUnixMs, systemClock } from './clock.js';
export type { Clock } from './clock.js';
export { remainingMs } from './remaining.js';
export { nextTurn, runInSlices } from './slices.js';
export type { SliceOptions } from './slices.js';
