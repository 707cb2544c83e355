import { z } from 'zod';
import type { ChatMessage } from '../../core/ports.js';
import { MESSAGE_FIELDS_WE_LACK, withoutNothing } from './asks-for-nothing.js';

/** Marks an issue about something that we know and do not have. */
export const NOT_SUPPORTED = { reason: 'NOT_SUPPORTED' } as const;

const MAX_NAME_CHARACTERS = 64;
/** The kinds of parts that hold nothing but text, by where the text stands. */
const TEXT_OF_PART: Readonly<Record<string, 'text' | 'refusal'>> = {
  text: 'text',
  input_text: 'text',
  output_text: 'text',
  refusal: 'refusal',
};

const contentPart = z.union([
  z.string(),
  z.looseObject({ type: z.string() }).transform((part, context) => {
    const key = Object.hasOwn(TEXT_OF_PART, part.type) ? TEXT_OF_PART[part.type] : undefined;
    const text = key && part[key];
    if (typeof text === 'string') return text;
    const message = key
      ? `needs a ${key}`
      : `has type '${part.type.slice(0, 32)}', which is not supported; only 'text' parts are`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }),
]);

/** Parts are lines of one text, as vLLM and llama.cpp have it. */
const content = z.union([z.string(), z.array(contentPart).transform((parts) => parts.join('\n'))], {
  error: (issue) => partMessage(issue) ?? 'must be a string or an array of text parts',
});

/** What a message may have. */
export const MESSAGE_FIELDS = {
  role: z.enum(['system', 'developer', 'user', 'assistant'], {
    error: "must be 'system', 'developer', 'user' or 'assistant'; tool calls are not supported",
  }),
  content: content.nullish(),
  name: z.string().max(MAX_NAME_CHARACTERS, `must have at most ${MAX_NAME_CHARACTERS} characters`).nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
};

const strictMessage = z.strictObject(MESSAGE_FIELDS).transform((message, context): ChatMessage => {
  const { role, name, refusal } = message;
  const text = message.content ?? '';
  if (text !== '' && refusal) {
    context.addIssue({ code: 'custom', path: ['refusal'], message: 'must be empty where there is a content' });
  }
  if (role !== 'assistant' && !isText(message.content)) {
    context.addIssue({ code: 'custom', path: ['content'], message: 'must be a string or an array of text parts' });
  }
  const reasoning = message.reasoning_content ?? message.reasoning;
  return {
    // The newer role name stands for the same thing as the one that templates know.
    role: role === 'developer' ? 'system' : role,
    content: text === '' ? (refusal ?? '') : text,
    ...(name ? { name } : {}),
    ...(reasoning ? { reasoning_content: reasoning } : {}),
  };
});

/**
 * One message as the API takes it and gives it back. The answer of an assistant may have no content (`null`), as in
 * histories that a client replays; what a message was refused with is its text then.
 */
export const chatMessage = z.preprocess((message, context) => {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return message;
  const { rest, refused } = withoutNothing(message as Record<string, unknown>, MESSAGE_FIELDS_WE_LACK);
  if (refused === null) return rest;
  context.addIssue({ code: 'custom', path: [refused], message: 'is not supported', params: NOT_SUPPORTED });
  return z.NEVER;
}, strictMessage);

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** The reason inside a failed union, where it is one of ours about a content part. */
function partMessage(issue: { code?: string; errors?: unknown }): string | undefined {
  if (issue.code !== 'invalid_union' || !Array.isArray(issue.errors)) return undefined;
  const own = customIssue(issue.errors as Nested[][]);
  return own && `part ${String(own.path[0])} ${own.message}`;
}

interface Nested {
  code: string;
  path: PropertyKey[];
  message: string;
  errors?: Nested[][];
}

function customIssue(errors: readonly Nested[][]): Nested | undefined {
  for (const issue of errors.flat()) {
    if (issue.code === 'custom') return issue;
    const inner = issue.errors && customIssue(issue.errors);
    if (inner) return { ...inner, path: [...issue.path, ...inner.path] };
  }
  return undefined;
}
