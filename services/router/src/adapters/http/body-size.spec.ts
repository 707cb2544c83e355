import { describe, expect, it } from '@jest/globals';
import { isPrompt, requireFewValues } from './body-size.js';
import { completionRequestSchema } from './openai-schema.js';
import { parseBody } from './parse-body.js';

const many = <T>(value: T, count = 1_000_000): T[] => Array.from({ length: count }, () => value);

describe('the size of a body', () => {
  it.each([
    ['messages', { messages: many({}) }],
    ['stop', { stop: many(1) }],
    ['prompt', { prompt: many('') }],
    ['prompt', { prompt: many([]) }],
    ['logit_bias', { logit_bias: Object.fromEntries(many(0, 200_000).map((_, i) => [i, 1])) }],
    ['messages', { messages: [{ role: 'user', content: many({ type: 'text', text: '' }, 60_000) }] }],
  ])('is bounded: %s', (field, body) => {
    expect(() => requireFewValues({ model: 'm', ...body })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field, details: { max: 100_000 } }),
    );
  });

  it('leaves room for thousands of messages, and for token ids beyond every context', () => {
    const message = { role: 'user', content: [{ type: 'text', text: 'x' }] };
    expect(() => requireFewValues({ messages: many(message, 4096), temperature: 1 })).not.toThrow();
    expect(() => requireFewValues({ prompt: many(1), stop_token_ids: many(2, 1024) })).not.toThrow();
    expect(() => requireFewValues({ prompt: [many(1, 500_000), many(1, 500_000)] })).not.toThrow();
  });
});

describe('a prompt', () => {
  it.each(['x', ['x', 'y'], [1, 2], [[1], [2, 3]], []])('may be %j', (prompt) => {
    expect(isPrompt(prompt)).toBe(true);
  });

  it.each([5, {}, ['a', 1], [1, 'a'], [1.5], [[1], 2], [[['a']]], null])('may not be %j', (prompt) => {
    expect(isPrompt(prompt)).toBe(false);
  });

  it('of a million ids with a fault at its end has one fault, not a million', () => {
    const body = { prompt: [...many(1), 'a'] };
    expect(completionRequestSchema.safeParse(body).error?.issues).toHaveLength(1);
    expect(() => parseBody(completionRequestSchema, body)).toThrow(expect.objectContaining({ field: 'prompt' }));
  });
});
