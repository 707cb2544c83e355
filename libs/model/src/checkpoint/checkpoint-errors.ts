import { AppError } from '@longhaul/kernel';

/** The bytes of a checkpoint contradict its format: it was cut short, altered, or written wrongly. */
export function corrupt(source: string, problem: string, cause?: unknown): AppError {
  return new AppError({
    code: 'DATA_LOSS',
    reason: 'CHECKPOINT_CORRUPT',
    message: `${source}: ${problem}`,
    field: 'source',
    cause,
  });
}

/** The checkpoint is sound but larger than a declared limit. */
export function overLimit(source: string, what: string, limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'CHECKPOINT_LIMIT',
    message: `${source}: ${what} is over the limit of ${limit}.`,
    field: 'source',
    details: { limit },
  });
}

/** The checkpoint is sound but asks for something that is not built; the message names it. */
export function unsupported(source: string, what: string): AppError {
  return new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_CHECKPOINT',
    message: `${source}: ${what}`,
    field: 'source',
  });
}

/** A file or tensor that must be there is not. */
export function missing(reason: string, message: string): AppError {
  return new AppError({ code: 'NOT_FOUND', reason, message, field: 'source' });
}

/** A string from a file as it may stand in a message: short, printable, quoted. */
export function shown(text: string): string {
  const clipped = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(clipped);
}
