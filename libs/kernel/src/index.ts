export { AppError, invalidArgument } from './app-error.js';
export type { AppErrorOptions, ErrorCode, Retry } from './app-error.js';
