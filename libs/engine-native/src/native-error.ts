import { AppError } from '@longhaul/kernel';
import type { NativeError, NativeErrorKind } from './native-addon.js';

const REASONS: Readonly<Record<NativeErrorKind, string>> = {
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  RESOURCE_EXHAUSTED: 'OUT_OF_MEMORY',
  CANCELLED: 'CANCELLED',
  FAILED_PRECONDITION: 'ENGINE_STATE',
  INTERNAL: 'ENGINE_FAILED',
};

function isNativeError(value: unknown): value is NativeError {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, message } = value as Partial<NativeError>;
  return typeof message === 'string' && typeof kind === 'string' && Object.hasOwn(REASONS, kind);
}

/** Turns what the addon throws into an AppError with its message; what did not come from the addon is wrapped. */
export function fromNative(value: unknown): AppError {
  if (!isNativeError(value)) return AppError.from(value);
  return new AppError({
    code: value.kind,
    reason: REASONS[value.kind],
    message: value.message,
    cause: value,
    ...(value.field === undefined ? {} : { field: value.field }),
  });
}

/** Calls the addon, with its exceptions as AppErrors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** The error of every method of something disposed. Reason: DISPOSED. */
export function disposedError(what: string): AppError {
  return new AppError({ code: 'FAILED_PRECONDITION', reason: 'DISPOSED', message: `The ${what} is disposed.` });
}
