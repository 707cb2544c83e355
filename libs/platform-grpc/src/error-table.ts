import { status } from '@grpc/grpc-js';
import type { AppError, ErrorCode } from '@longhaul/kernel';

interface ErrorRow {
  readonly grpc: status;
  readonly http: number;
}

/** The one table of what an error code is on each wire. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  CANCELLED: { grpc: status.CANCELLED, http: 499 },
  UNKNOWN: { grpc: status.UNKNOWN, http: 500 },
  INVALID_ARGUMENT: { grpc: status.INVALID_ARGUMENT, http: 400 },
  DEADLINE_EXCEEDED: { grpc: status.DEADLINE_EXCEEDED, http: 504 },
  NOT_FOUND: { grpc: status.NOT_FOUND, http: 404 },
  ALREADY_EXISTS: { grpc: status.ALREADY_EXISTS, http: 409 },
  PERMISSION_DENIED: { grpc: status.PERMISSION_DENIED, http: 403 },
  RESOURCE_EXHAUSTED: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  FAILED_PRECONDITION: { grpc: status.FAILED_PRECONDITION, http: 400 },
  ABORTED: { grpc: status.ABORTED, http: 409 },
  OUT_OF_RANGE: { grpc: status.OUT_OF_RANGE, http: 400 },
  UNIMPLEMENTED: { grpc: status.UNIMPLEMENTED, http: 501 },
  INTERNAL: { grpc: status.INTERNAL, http: 500 },
  UNAVAILABLE: { grpc: status.UNAVAILABLE, http: 503 },
  DATA_LOSS: { grpc: status.DATA_LOSS, http: 500 },
  UNAUTHENTICATED: { grpc: status.UNAUTHENTICATED, http: 401 },
};

/** Reasons that HTTP has a status of its own for. */
export const HTTP_STATUS_OF_REASON: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  BODY_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  EXPECTATION_FAILED: 417,
  URL_TOO_LONG: 414,
};

/** Where the error itself does not say how long to wait. */
const DEFAULT_RETRY_MS = 1000;

export function httpStatusOf(error: AppError): number {
  return HTTP_STATUS_OF_REASON[error.reason] ?? ERROR_TABLE[error.code].http;
}

/** The code behind an HTTP status of a peer; the first of those that share it. */
export function codeOfHttpStatus(httpStatus: number): ErrorCode {
  if (httpStatus === HTTP_STATUS_OF_REASON['BODY_TOO_LARGE']) return 'RESOURCE_EXHAUSTED';
  // INTERNAL is what a 500 most likely is; the table's first would be UNKNOWN.
  if (httpStatus === 500) return 'INTERNAL';
  const found = Object.entries(ERROR_TABLE).find(([, row]) => row.http === httpStatus);
  if (found) return found[0] as ErrorCode;
  return httpStatus >= 400 && httpStatus < 500 ? 'INVALID_ARGUMENT' : 'UNKNOWN';
}

/** The reason of an answer that came without one: `OK`, or the code behind its status. */
export function reasonOfHttpStatus(httpStatus: number): string {
  return httpStatus < 400 ? 'OK' : codeOfHttpStatus(httpStatus);
}

/** Milliseconds after which asking again makes sense, from `details.retryAfterS`; null where it never does. */
export function retryDelayMs(error: AppError): number | null {
  const { retryAfterS } = error.details;
  if (typeof retryAfterS === 'number' && retryAfterS >= 0) return Math.round(retryAfterS * 1000);
  const capacity = error.code === 'UNAVAILABLE' || httpStatusOf(error) === 429;
  return error.retry === 'same' || capacity ? DEFAULT_RETRY_MS : null;
}
