import { describe, expect, it } from '@jest/globals';
import { requireFewStructures } from './json-structure.js';

const check = (text: string, max: number) => () => requireFewStructures(Buffer.from(text), max);

describe('the structure of a JSON body', () => {
  it.each([
    ['{"a":[1,2,{"b":"c"}]}', 6],
    ['[[],[],{}]', 4],
    ['"a string with {[{[ and \\" and {"', 1],
    ['["ends with a backslash \\\\",{}]', 3],
    ['[1,2,3,4,5,6,7,8,9]', 1],
    ['', 0],
  ])('of %s is %d strings, objects and arrays', (text, structures) => {
    expect(check(text, structures)).not.toThrow();
    if (structures > 0) expect(check(text, structures - 1)).toThrow(/more than/);
  });

  it.each(['"never closed {{{', '"\\', '{"a', '\\"'])('is looked at to the end where it is broken: %s', (text) => {
    expect(check(text, 10)).not.toThrow();
  });

  it('refuses millions of empty objects, and takes millions of numbers and long texts with brackets', () => {
    expect(() => requireFewStructures(Buffer.from(`[${'{},'.repeat(2_000_000)}{}]`))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { max: 400_000 } }),
    );
    expect(() => requireFewStructures(Buffer.from(`[${'1,'.repeat(2_000_000)}1]`))).not.toThrow();
    expect(() => requireFewStructures(Buffer.from(`{"prompt":"${'{[('.repeat(1_000_000)}"}`))).not.toThrow();
  });

  it('refuses millions of token ids that no context holds, but not commas in a text', () => {
    expect(() => requireFewStructures(Buffer.from(`{"prompt":[${'1,'.repeat(4 * 2 ** 20)}1,1]}`))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { max: 4 * 2 ** 20 } }),
    );
    expect(() => requireFewStructures(Buffer.from(`{"prompt":"${','.repeat(5_000_000)}"}`))).not.toThrow();
  });
});
