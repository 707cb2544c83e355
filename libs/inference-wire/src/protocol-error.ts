import { AppError } from '@longhaul/kernel';

/** The error for a message of a worker that means nothing. */
export function protocolError(what: string, cause?: unknown): AppError {
  const message = `The worker sent ${what}.`;
  return new AppError({
    code: 'INTERNAL',
    reason: 'PROTOCOL_ERROR',
    message,
    ...(cause === undefined ? {} : { cause }),
  });
}
