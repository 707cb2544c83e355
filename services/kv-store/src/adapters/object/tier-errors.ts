import { AppError } from '@longhaul/kernel';

/** Why an S3 endpoint is not to be used at the moment; `details.outage` of `KV_STORE_UNAVAILABLE`. */
export type Outage = 'network' | 'timeout' | 'credentials' | 'bucket' | 'server' | 'throttled' | 'closed';

/** Every refusal of the object tier, in one place. Messages never hold keys in full, credentials or content. */
export const tierErrors = {
  unavailable: (outage: Outage, message: string, cause?: unknown): AppError =>
    new AppError({
      code: 'UNAVAILABLE',
      reason: 'KV_STORE_UNAVAILABLE',
      retry: outage === 'closed' ? 'other' : 'same',
      message,
      details: { outage },
      cause,
    }),
  notFound: (message: string, cause?: unknown): AppError =>
    new AppError({ code: 'NOT_FOUND', reason: 'KV_NOT_FOUND', message, cause }),
  corrupt: (message: string, cause?: unknown): AppError =>
    new AppError({ code: 'DATA_LOSS', reason: 'KV_CORRUPT', message, cause }),
  full: (limitBytes: number): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'KV_TIER_FULL',
      retry: 'same',
      message: `The object tier holds its ${limitBytes} bytes.`,
      details: { limitBytes },
    }),
  busy: (what: string, limit: number): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'KV_BUSY',
      retry: 'same',
      message: `The object tier has as many ${what} as it may: ${limit}.`,
      details: { limit },
    }),
};
