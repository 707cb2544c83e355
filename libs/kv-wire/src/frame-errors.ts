import { AppError } from '@longhaul/kernel';

/** What ends a data channel. */
export const frameErrors = {
  damaged: (message: string): AppError =>
    new AppError({
      code: 'DATA_LOSS',
      reason: 'KV_CORRUPT',
      message,
      details: { fault: 'frame_crc' },
      retry: 'same',
    }),
  tooLarge: (bytes: number, limit: number): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'FRAME_TOO_LARGE',
      message: `A frame has ${bytes} bytes; at most ${limit} are accepted.`,
      details: { bytes, limit },
    }),
  /** The peer sent what may not come there. */
  protocol: (message: string): AppError =>
    new AppError({ code: 'INVALID_ARGUMENT', reason: 'PROTOCOL_ERROR', message, retry: 'other' }),
  unreadable: (cause: unknown): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'PROTOCOL_ERROR',
      message: 'A frame is no message of its kind.',
      retry: 'other',
      cause,
    }),
  closed: (cause?: unknown): AppError =>
    new AppError({
      code: 'UNAVAILABLE',
      reason: 'KV_STORE_UNAVAILABLE',
      message: 'The data channel was closed.',
      retry: 'other',
      cause,
    }),
};
