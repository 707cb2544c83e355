import { AppError, invalidArgument } from '@longhaul/kernel';
import type { z } from 'zod';
import { requireFewValues } from './body-size.js';

type Body = Record<string, unknown>;

/** Fields of OpenAI's API that we know and do not have, with the values that ask for nothing. */
const UNSUPPORTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === 'none' || value === 'auto',
  parallel_tool_calls: () => true,
  functions: (value) => Array.isArray(value) && value.length === 0,
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => typeof value === 'object' && value !== null && (value as Body)['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.every((item) => item === 'text'),
  service_tier: (value) => value === 'auto' || value === 'default',
  store: (value) => value === false,
  best_of: (value) => value === 1,
  suffix: (value) => value === '',
  audio: () => false,
  prediction: () => false,
  reasoning_effort: (value) => value === 'none',
  verbosity: () => false,
  web_search_options: () => false,
};

/**
 * Checks a JSON body against a schema.
 *
 * @throws AppError `INVALID_ARGUMENT` (or `NOT_SUPPORTED`) naming the field.
 */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      message: 'The body must be a JSON object.',
    });
  }
  requireFewValues(body as Body);
  const result = schema.safeParse(withoutUnsupported(body as Body));
  if (result.success) return result.data;
  throw issueError(result.error.issues[0]);
}

function withoutUnsupported(body: Body): Body {
  const rest = Object.entries(body).filter(([key, value]) => {
    const asksForNothing = Object.hasOwn(UNSUPPORTED, key) ? UNSUPPORTED[key] : undefined;
    if (!asksForNothing) return true;
    if (value !== null && !asksForNothing(value)) throw notSupported(key);
    return false;
  });
  // Not by assignment: a field called __proto__ would become the prototype and never be seen.
  return Object.fromEntries(rest);
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
  return invalidArgument(field, `'${field}': ${issue.message}.`);
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part).slice(0, 64)}`,
    )
    .join('');
}
