import { describe, expect, it } from '@jest/globals';
import { checkTemplateVariables } from './template-variables.js';

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe('variables for a chat template', () => {
  it('may be any JSON values within the bounds', () => {
    const variables = { enable_thinking: false, a: nested(15), text: 'x'.repeat(65_536 - 1), deep: { k: null } };
    expect(checkTemplateVariables('f', variables)).toBe(variables);
  });

  it.each<[string, unknown, string]>([
    ['that are no object', [1], 'f'],
    ['with a name that no template can use', { 'a-b': 1 }, 'f.a-b'],
    ['with a name that would be a prototype', JSON.parse('{"__proto__": 1}') as unknown, 'f.__proto__'],
    ['that would replace what the template counts on', { bos_token: 'x' }, 'f.bos_token'],
    ['of too many characters', { a: 'x'.repeat(60_000), b: 'x'.repeat(6_000) }, 'f.b'],
    ['with too many characters in keys', { a: { ['k'.repeat(65_537)]: 1 } }, 'f.a'],
    ['of too many values', { a: Array.from({ length: 1024 }, () => 1) }, 'f.a'],
    ['nested too deep', { a: nested(17) }, 'f.a'],
    ['of too many names', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`n${i}`, 1])), 'f'],
  ])('%s are refused by name', (_, variables, field) => {
    expect(() => checkTemplateVariables('f', variables)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
    );
  });
});
