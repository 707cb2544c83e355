import { AppError } from '@longhaul/kernel';

type Facts = Readonly<Record<string, string | number | boolean>>;

/** Every refusal of the store's core, in one place. Messages name the limit; never a key in full, a token or a secret. */
export const storeErrors = {
  namespace: (message: string): AppError =>
    new AppError({ code: 'FAILED_PRECONDITION', reason: 'KV_NAMESPACE_MISMATCH', message }),
  quota: (message: string, facts: Facts): AppError =>
    new AppError({ code: 'RESOURCE_EXHAUSTED', reason: 'KV_QUOTA_EXCEEDED', retry: 'same', message, details: facts }),
  busy: (message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'UNAVAILABLE', reason: 'KV_BUSY', retry: 'same', message, details: facts }),
  leaseExpired: (message: string): AppError =>
    new AppError({ code: 'FAILED_PRECONDITION', reason: 'KV_LEASE_EXPIRED', message }),
  incomplete: (message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'INVALID_ARGUMENT', reason: 'KV_INCOMPLETE', message, details: facts }),
  notFound: (message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'NOT_FOUND', reason: 'KV_NOT_FOUND', message, details: facts }),
  unavailable: (message: string, cause?: unknown): AppError =>
    new AppError({ code: 'UNAVAILABLE', reason: 'KV_STORE_UNAVAILABLE', retry: 'same', message, cause }),
  unsupported: (message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'UNIMPLEMENTED', reason: 'KV_UNSUPPORTED', message, details: facts }),
  tierFull: (limit: number): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'KV_TIER_FULL',
      retry: 'same',
      message: `The tier holds its ${limit} bytes.`,
      details: { limit },
    }),
  cancelled: (): AppError => new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The caller cancelled.' }),
  deadline: (): AppError =>
    new AppError({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED', message: "The caller's deadline passed." }),
  closed: (): AppError =>
    new AppError({
      code: 'UNAVAILABLE',
      reason: 'KV_STORE_UNAVAILABLE',
      retry: 'other',
      message: 'The store is closing.',
    }),
};

/** Whether the failure says "this copy is damaged", not "this tier has trouble". */
export function isDamage(error: AppError): boolean {
  return error.reason === 'KV_CORRUPT' || error.reason === 'KV_INCOMPLETE';
}
