import { AppError } from '@longhaul/kernel';

export function tierFull(needed: number, used: number, limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'KV_TIER_FULL',
    message: `The disk tier holds ${String(used)} of ${String(limit)} bytes: no room for ${String(needed)} more.`,
    details: { neededBytes: needed, usedBytes: used, limitBytes: limit },
  });
}

export function busy(queued: number, limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'KV_BUSY',
    message: `${String(queued)} bytes wait for the disk already; the bound is ${String(limit)}.`,
    retry: 'same',
    details: { queuedBytes: queued, limitBytes: limit },
  });
}

export function notFound(): AppError {
  return new AppError({ code: 'NOT_FOUND', reason: 'KV_NOT_FOUND', message: 'The disk tier has no such object.' });
}

export function corrupt(message: string): AppError {
  return new AppError({ code: 'DATA_LOSS', reason: 'KV_CORRUPT', message });
}

export function closed(): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'KV_STORE_UNAVAILABLE',
    message: 'The disk tier is closed.',
    retry: 'other',
  });
}
