import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { goldenStrings, KINDS, tokenizerFiles } from '../test/files.js';
import { createDetokenizer, createTokenizer, type Detokenizer } from './index.js';
import { Utf8Stream } from './utf8-stream.js';

const strings = goldenStrings();
const tokenizers = new Map(KINDS.map((kind) => [kind, createTokenizer(tokenizerFiles(kind))]));

function stream(detokenizer: Detokenizer, ids: Iterable<number>): string[] {
  return [...Array.from(ids, (id) => detokenizer.push(id)), detokenizer.finish()];
}

function open(kind: (typeof KINDS)[number]): ReturnType<typeof createTokenizer> {
  return tokenizers.get(kind) ?? createTokenizer(tokenizerFiles(kind));
}

describe('createDetokenizer', () => {
  it.each(KINDS)('%s: the stream put together is the one-shot decoding, for any ids', (kind) => {
    const tokenizer = open(kind);
    const ids = fc.array(fc.nat(tokenizer.vocabSize + 2), { maxLength: 40 });
    fc.assert(
      fc.property(ids, fc.boolean(), (sequence, includeSpecial) => {
        const pieces = stream(createDetokenizer(tokenizer, { includeSpecial }), sequence);
        expect(pieces.join('')).toBe(tokenizer.decode(sequence, { skipSpecial: !includeSpecial }));
      }),
    );
  });

  it.each(KINDS)('%s: no piece splits a character', (kind) => {
    const tokenizer = open(kind);
    const pieces = strings
      .slice(0, 300)
      .flatMap((text) => stream(createDetokenizer(tokenizer), tokenizer.encode(text)));
    expect(pieces.filter((piece) => /\p{Surrogate}/u.test(piece))).toEqual([]);
  });

  it('drops the space that encoding puts in front, once, and keeps it in a continuation', () => {
    const tokenizer = open('llama2');
    const ids = tokenizer.encode(' the  tokens', { addSpecialTokens: false });
    expect(stream(createDetokenizer(tokenizer), ids).join('')).toBe(' the  tokens');
    expect(stream(createDetokenizer(tokenizer, { continuation: true }), ids).join('')).toBe('  the  tokens');
  });

  it('holds an unfinished character and ends it with one U+FFFD', () => {
    const tokenizer = open('llama2');
    const byte = (name: string): number => tokenizer.id(name) ?? -1;
    const detokenizer = createDetokenizer(tokenizer);
    expect(['<0xF0>', '<0x9F>', '<0x98>'].map((name) => detokenizer.push(byte(name)))).toEqual(['', '', '']);
    expect(detokenizer.finish()).toBe('\ufffd');
    expect(detokenizer.finish()).toBe('');
  });
});

describe('Utf8Stream', () => {
  it('gives what one WHATWG decoding gives, however the bytes are cut', () => {
    const edge = fc.constantFrom(
      0x00,
      0x41,
      0x80,
      0x9f,
      0xa0,
      0xbf,
      0xc2,
      0xe0,
      0xed,
      0xef,
      0xbb,
      0xf0,
      0xf4,
      0x90,
      0xff,
    );
    const chunks = fc.array(fc.array(fc.oneof(edge, fc.nat(255)), { maxLength: 6 }), { maxLength: 8 });
    fc.assert(
      fc.property(chunks, (cut) => {
        const utf8 = new Utf8Stream();
        const text = cut.map((bytes) => utf8.push(Uint8Array.from(bytes))).join('') + utf8.finish();
        expect(text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(cut.flat())));
      }),
      { numRuns: 2000 },
    );
  });
});
