import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { AppError, type ErrorCode, type Retry } from '@longhaul/kernel';

/** Trailers that carry what a bare gRPC status cannot: the parts of google.rpc.ErrorInfo, BadRequest and RetryInfo we use. */
const TRAILER = {
  reason: 'error-reason',
  field: 'error-field',
  details: 'error-details',
  retry: 'error-retry',
  pushback: 'grpc-retry-pushback-ms',
} as const;
const PUSHBACK_MS = 1000;

export interface StatusParts {
  code: status;
  details: string;
  metadata: Metadata;
}

/** A status with trailers for an error. Causes stay behind: only code, reason, message, field and details travel. */
export function toStatus(error: AppError): StatusParts {
  const metadata = new Metadata();
  metadata.set(TRAILER.reason, error.reason);
  metadata.set(TRAILER.retry, error.retry);
  if (error.field !== undefined) metadata.set(TRAILER.field, ascii(error.field));
  if (Object.keys(error.details).length > 0) metadata.set(TRAILER.details, ascii(JSON.stringify(error.details)));
  if (error.retry === 'same') metadata.set(TRAILER.pushback, String(PUSHBACK_MS));
  return { code: status[error.code], details: error.message, metadata };
}

/** The AppError that a peer sent, or one with the status name as its reason where the peer is not ours. */
export function fromStatus(error: unknown): AppError {
  if (!isServiceError(error)) return AppError.from(error);
  const code = codeName(error.code);
  const field = trailer(error.metadata, TRAILER.field);
  return new AppError({
    code,
    reason: trailer(error.metadata, TRAILER.reason) ?? code,
    message: error.details,
    retry: retryOf(trailer(error.metadata, TRAILER.retry), code),
    details: parseDetails(trailer(error.metadata, TRAILER.details)),
    cause: error,
    ...(field === undefined ? {} : { field }),
  });
}

function isServiceError(value: unknown): value is ServiceError {
  return value instanceof Error && typeof (value as Partial<ServiceError>).code === 'number' && 'details' in value;
}

function codeName(code: status): ErrorCode {
  const name = status[code];
  return name === undefined || name === 'OK' ? 'UNKNOWN' : (name as ErrorCode);
}

function trailer(metadata: Metadata | undefined, key: string): string | undefined {
  const value = metadata?.get(key)[0];
  return typeof value === 'string' ? value : undefined;
}

function retryOf(text: string | undefined, code: ErrorCode): Retry {
  if (text === 'same' || text === 'other' || text === 'never') return text;
  return code === 'UNAVAILABLE' ? 'other' : 'never';
}

function parseDetails(text: string | undefined): Record<string, string | number | boolean> {
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    if (typeof parsed !== 'object' || parsed === null) return {};
    const facts = Object.entries(parsed).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
    return Object.fromEntries(facts) as Record<string, string | number | boolean>;
  } catch {
    return {};
  }
}

/** Metadata values are printable ASCII; other characters become JSON escapes. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
