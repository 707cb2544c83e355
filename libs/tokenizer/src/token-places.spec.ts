import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { goldenStrings, KINDS, tokenizerFiles } from '../test/files.js';
import { codePointCount, createDetokenizer, createTokenizer, TokenPlaces } from './index.js';

const strings = goldenStrings().slice(0, 300);
const tokenizers = new Map(KINDS.map((kind) => [kind, createTokenizer(tokenizerFiles(kind))]));

function open(kind: (typeof KINDS)[number]): ReturnType<typeof createTokenizer> {
  return tokenizers.get(kind) ?? createTokenizer(tokenizerFiles(kind));
}

describe('the places of tokens in their text', () => {
  it.each(KINDS)('%s: are where the text before them ends, for any ids', (kind) => {
    const tokenizer = open(kind);
    const ids = fc.array(fc.nat(tokenizer.vocabSize + 2), { maxLength: 30 });
    fc.assert(
      fc.property(ids, fc.boolean(), fc.boolean(), (sequence, includeSpecial, continuation) => {
        const places = new TokenPlaces(tokenizer, { includeSpecial, continuation });
        const detokenizer = createDetokenizer(tokenizer, { includeSpecial, continuation });
        let certain = 0;
        for (const id of sequence) {
          const place = places.push(id);
          // A character that was not finished before this token may have been cut by it.
          expect([certain, certain + 1]).toContain(place);
          certain += codePointCount(detokenizer.push(id));
          expect(place).toBeLessThanOrEqual(certain + 1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it.each(KINDS)('%s: cut a text into the text of its tokens', (kind) => {
    const tokenizer = open(kind);
    for (const text of strings) {
      const ids = [...tokenizer.encode(text, { addSpecialTokens: false })];
      const whole = [...tokenizer.decode(ids, { skipSpecial: false })];
      const places = new TokenPlaces(tokenizer, { includeSpecial: true, continuation: false });
      const begins = ids.map((id) => places.push(id));
      expect(begins).toEqual([...begins].sort((a, b) => a - b));
      begins.slice(1).forEach((begin, at) => {
        const token = tokenizer.tokenString(ids[at + 1] ?? 0);
        if (!token.includes('\ufffd')) expect(whole.slice(begin).join('').startsWith(token)).toBe(true);
      });
    }
  });

  it('count a character outside the BMP once, and its parts where it begins', () => {
    const tokenizer = open('llama2');
    const byte = (name: string): number => tokenizer.id(name) ?? -1;
    const places = new TokenPlaces(tokenizer, { includeSpecial: false, continuation: true });
    const emoji = ['<0xF0>', '<0x9F>', '<0x98>', '<0x80>'].map(byte);
    expect([...emoji, ...emoji].map((id) => places.push(id))).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(places.push(byte('<0xF0>'))).toBe(2);
    expect(places.push(byte('<0x41>'))).toBe(3);
    expect(places.push(byte('<0x41>'))).toBe(4);
  });

  it('stand still at special tokens that are not shown', () => {
    const tokenizer = open('smollm');
    const ids = tokenizer.encode('ab<|im_end|>c', { addSpecialTokens: false, parseSpecial: true });
    const placesOf = (includeSpecial: boolean) => {
      const places = new TokenPlaces(tokenizer, { includeSpecial, continuation: true });
      return [...ids].map((id) => places.push(id)).at(-1);
    };
    expect(placesOf(false)).toBe(2);
    expect(placesOf(true)).toBe('ab<|im_end|>'.length);
  });
});
