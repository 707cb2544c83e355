import { kvstoreV1 } from '@longhaul/contracts';
import { AppError, type ErrorCode, type Retry } from '@longhaul/kernel';

const CODES: readonly ErrorCode[] = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];
const RETRIES: readonly Retry[] = ['never', 'same', 'other'];

/** An error for the other side of a data channel. Causes and details stay behind. */
export function encodeFailure(error: AppError): Buffer {
  const { code, reason, message, retry } = error;
  const bytes = kvstoreV1.OperationFailure.encode({ code, reason, message, retry, field: error.field ?? '' }).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function decodeFailure(bytes: Uint8Array): AppError {
  const { code, reason, message, retry, field } = kvstoreV1.OperationFailure.decode(bytes);
  return new AppError({
    code: CODES.find((known) => known === code) ?? 'UNKNOWN',
    reason: reason || 'UNKNOWN',
    message,
    retry: RETRIES.find((known) => known === retry) ?? 'never',
    ...(field === '' ? {} : { field }),
  });
}
