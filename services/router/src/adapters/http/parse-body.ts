import { AppError, invalidArgument } from '@longhaul/kernel';
import type { z } from 'zod';
import { FIELDS_WE_LACK, withoutNothing } from './asks-for-nothing.js';
import { requireFewValues } from './body-size.js';

type Body = Record<string, unknown>;

/**
 * Checks a JSON body against a schema.
 *
 * @throws AppError `INVALID_ARGUMENT` (or `NOT_SUPPORTED`) naming the field.
 */
export function parseBody<S extends z.ZodObject>(schema: S, body: unknown): z.output<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      message: 'The body must be a JSON object.',
    });
  }
  requireFewValues(body as Body);
  const { rest, refused } = withoutNothing(body as Body, FIELDS_WE_LACK, schema.shape);
  if (refused !== null) throw notSupported(refused);
  const result = schema.safeParse(rest);
  if (result.success) return result.data;
  throw issueError(result.error.issues[0]);
}

/** OpenAI's clients send null for what they leave out. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** The error for a request field that is known but not available here. */
export function notSupported(field: string, message = `'${field}' is not supported.`): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'NOT_SUPPORTED', message, field });
}

function issueError(issue: z.core.$ZodIssue | undefined): AppError {
  if (!issue) return invalidArgument('body', 'The body is not valid.');
  if (issue.code === 'unrecognized_keys') {
    const field = pathText([...issue.path, ...issue.keys.slice(0, 1)]);
    return invalidArgument(field, `Unknown field '${field}'.`);
  }
  const field = pathText(issue.path);
  if (issue.code === 'custom' && issue.params?.['reason'] === 'NOT_SUPPORTED') return notSupported(field);
  return invalidArgument(field, `'${field}': ${issue.message}.`);
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part).slice(0, 64)}`,
    )
    .join('');
}
