export { callServerStream, callUnary } from './client-calls.js';
export type { ClientCallOptions } from './client-calls.js';
export { GrpcHost } from './grpc-host.js';
export type { GrpcHostOptions } from './grpc-host.js';
export { serverStream, unary } from './handlers.js';
export type { CallContext, StreamOptions } from './handlers.js';
export { fromStatus, toStatus } from './status.js';
export type { StatusParts } from './status.js';
