import { AppError } from '@longhaul/kernel';

export const clientErrors = {
  unavailable: (message: string, cause?: unknown): AppError =>
    new AppError({ code: 'UNAVAILABLE', reason: 'KV_STORE_UNAVAILABLE', message, retry: 'other', cause }),
  busy: (limit: number): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'KV_BUSY',
      message: `${limit} puts and gets wait for a place already.`,
      details: { limit },
      retry: 'same',
    }),
  cancelled: (): AppError =>
    new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.' }),
  deadline: (): AppError =>
    new AppError({
      code: 'DEADLINE_EXCEEDED',
      reason: 'DEADLINE_EXCEEDED',
      message: 'The deadline of the request passed.',
    }),
  protocol: (message: string): AppError =>
    new AppError({ code: 'INTERNAL', reason: 'PROTOCOL_ERROR', message, retry: 'other' }),
};

/** A store that cannot be reached has one name, whatever the transport calls it. */
export function asClientError(error: unknown): AppError {
  const known = AppError.from(error);
  const foreign = known.code === 'UNAVAILABLE' && known.reason === 'UNAVAILABLE';
  return foreign ? clientErrors.unavailable('The KV store cannot be reached.', known) : known;
}

/** The store is gone or going, not just busy. */
export function meansGone(error: AppError): boolean {
  return error.reason === 'KV_STORE_UNAVAILABLE' || error.reason === 'SHUTTING_DOWN';
}
