import { describe, expect, it } from '@jest/globals';
import { matchAll, matchPart } from './string-match.js';

describe('string_match_all', () => {
  it('is the share of references that the answer has, whatever the case', () => {
    expect(matchAll('They are ABCDE, fghij and 12.', ['abcde', 'FGHIJ', 'KLMNO', '12'])).toBe(0.75);
    expect(matchAll('', ['a'])).toBe(0);
  });

  it('counts substrings: a longer number has the shorter one in it', () => {
    expect(matchAll('91234567', ['1234567'])).toBe(1);
  });

  it('reads control characters as line ends', () => {
    expect(matchAll('\x00one\x01two\t', ['one\ntwo'])).toBe(1);
  });
});

describe('string_match_part', () => {
  it('is 1 where any reference is in the answer', () => {
    expect(matchPart('It was in Paris, France.', ['Lyon', 'paris'])).toBe(1);
    expect(matchPart('It was in Rome.', ['Lyon', 'Paris'])).toBe(0);
  });
});
