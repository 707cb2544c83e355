import { describe, expect, it } from '@jest/globals';
import { invalidArgument } from '@longhaul/kernel';
import { spellField } from './spell-field.js';

const spelling = new Map([['attention', 'longhaul.attention']]);
const spelt = (field: string, message: string) => {
  const error = spellField(invalidArgument(field, message), spelling);
  return [error.field, error.message];
};

describe('a field that stands inside an object', () => {
  it('is spelt out, in a message that begins with it as well', () => {
    const place = 'attention.plans[0].phase';
    expect(spelt(place, `${place} must be prefill.`)).toEqual([
      `longhaul.${place}`,
      `longhaul.${place} must be prefill.`,
    ]);
    expect(spelt('attention', 'attention: too much attention.')).toEqual([
      'longhaul.attention',
      'longhaul.attention: too much attention.',
    ]);
  });

  it('leaves alone what begins otherwise, and other fields', () => {
    expect(spelt('attention', 'The policy fast: no.')).toEqual(['longhaul.attention', 'The policy fast: no.']);
    expect(spelt('attentive', 'attentive is no word.')).toEqual(['attentive', 'attentive is no word.']);
  });
});
