import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { AppError, type ErrorCode, type Retry } from '@longhaul/kernel';
import { ERROR_TABLE, retryDelayMs } from './error-table.js';
import { decodeStatusDetails, encodeStatusDetails, type StatusDetails } from './status-details.js';

/** A serialized google.rpc.Status with ErrorInfo, BadRequest and RetryInfo, as every gRPC library can read it. */
const DETAILS_TRAILER = 'grpc-status-details-bin';
const PUSHBACK_TRAILER = 'grpc-retry-pushback-ms';
/** Key of ErrorInfo's metadata that says where asking again can help. */
const RETRY_KEY = 'retry';

export interface StatusParts {
  code: status;
  details: string;
  metadata: Metadata;
}

/** A status with details for an error. Causes stay behind: only code, reason, message, field and facts travel. */
export function toStatus(error: AppError): StatusParts {
  const { grpc } = ERROR_TABLE[error.code];
  // A message may repeat a caller's text, of which grpc-js makes a trailer: half a surrogate pair would throw there, where
  // nobody catches it.
  const message = error.message.toWellFormed();
  const delayMs = retryDelayMs(error);
  const texts = Object.entries(error.details).map(([key, value]) => [key, String(value)] as const);
  const details: StatusDetails = {
    reason: error.reason,
    metadata: { ...Object.fromEntries(texts), [RETRY_KEY]: error.retry },
    field: error.field ?? null,
    retryDelayMs: delayMs,
    facts: error.details,
  };
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, Buffer.from(encodeStatusDetails(grpc, message, details)));
  if (error.retry === 'same' && delayMs !== null) metadata.set(PUSHBACK_TRAILER, String(delayMs));
  return { code: grpc, details: message, metadata };
}

/** The AppError that a peer sent, or one with the status name as its reason where the peer is not ours. */
export function fromStatus(error: unknown): AppError {
  if (!isServiceError(error)) return AppError.from(error);
  const code = codeName(error.code);
  const sent = sentDetails(error.metadata);
  return new AppError({
    code,
    reason: sent?.reason || code,
    message: error.details,
    retry: retryOf(sent?.metadata[RETRY_KEY], code),
    details: factsOf(sent),
    cause: error,
    ...(sent?.field ? { field: sent.field } : {}),
  });
}

/** The stable reason that travels with a status, or the status name. */
export function reasonOfStatus(code: status, metadata: Metadata | undefined): string {
  if (code === status.OK) return 'OK';
  return sentDetails(metadata)?.reason || codeName(code);
}

function isServiceError(value: unknown): value is ServiceError {
  return value instanceof Error && typeof (value as Partial<ServiceError>).code === 'number' && 'details' in value;
}

function codeName(code: status): ErrorCode {
  const name = status[code];
  return name === undefined || name === 'OK' ? 'UNKNOWN' : (name as ErrorCode);
}

function sentDetails(metadata: Metadata | undefined): StatusDetails | null {
  const value = metadata?.get(DETAILS_TRAILER)[0];
  return value instanceof Uint8Array ? decodeStatusDetails(value) : null;
}

/** Typed facts of ours; of a foreign peer what its ErrorInfo says, and how long to wait. */
function factsOf(sent: StatusDetails | null): StatusDetails['facts'] {
  if (sent === null) return {};
  if (Object.keys(sent.facts).length > 0 || sent.metadata[RETRY_KEY] !== undefined) return sent.facts;
  return { ...sent.metadata, ...(sent.retryDelayMs === null ? {} : { retryAfterS: sent.retryDelayMs / 1000 }) };
}

function retryOf(text: string | undefined, code: ErrorCode): Retry {
  if (text === 'same' || text === 'other' || text === 'never') return text;
  return code === 'UNAVAILABLE' ? 'other' : 'never';
}
