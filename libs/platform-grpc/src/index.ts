export { bearerKey, invalidApiKey, requireBearerKey } from './bearer-key.js';
export type { ArrivingCall, CallGate } from './call-gate.js';
export type { CallEnd, CallNotes } from './call-info.js';
export { shuttingDown } from './call-tracker.js';
export { callServerStream, callUnary } from './client-calls.js';
export type { ClientCallOptions } from './client-calls.js';
export { duplex, openDuplex } from './duplex.js';
export type { OpenDuplex } from './duplex.js';
export { GrpcHost } from './grpc-host.js';
export type { GrpcHostOptions } from './grpc-host.js';
export { serverStream, unary } from './handlers.js';
export type { CallContext, StreamOptions } from './handlers.js';
export { ERROR_TABLE, HTTP_STATUS_OF_REASON, httpStatusOf, reasonOfHttpStatus, retryDelayMs } from './error-table.js';
export { fromHttpError, toHttpError } from './http-error.js';
export type { HttpError, OpenAiErrorBody } from './http-error.js';
export { fromStatus, toStatus } from './status.js';
export type { StatusParts } from './status.js';
export { StreamLink } from './stream-link.js';
export {
  MAX_PEM_BYTES,
  clientCredentials,
  isLoopback,
  readTlsIdentity,
  serverCredentials,
} from './transport-security.js';
export type { TlsFiles, TlsIdentity } from './transport-security.js';
