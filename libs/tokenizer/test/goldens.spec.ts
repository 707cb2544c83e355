import { describe, expect, it } from '@jest/globals';
import { createTokenizer, type Tokenizer } from '../src/index.js';
import { goldenFile, goldenStrings, KINDS, tokenizerFiles, type Kind } from './files.js';
import { fnv } from './goldens/strings.js';

const strings = goldenStrings();
const utf8 = new TextEncoder();

function goldenHashes(kind: Kind): Uint32Array[] {
  const bytes = goldenFile(`${kind}.bin`);
  const all = new Uint32Array(Uint8Array.from(bytes).buffer);
  return [0, 1, 2].map((row) => all.subarray(row * strings.length, (row + 1) * strings.length));
}

function hashIds(ids: Int32Array): number {
  return fnv(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
}

/** Indexes of the strings whose hash differs from the golden. */
function mismatches(golden: Uint32Array | undefined, hash: (index: number) => number): number[] {
  return strings.flatMap((_, index) => (hash(index) === golden?.[index] ? [] : [index]));
}

function open(kind: Kind): Tokenizer {
  return createTokenizer(tokenizerFiles(kind));
}

describe('goldens of Hugging Face tokenizers over 10,000 random strings', () => {
  it('uses the strings that the goldens were made from', () => {
    expect(strings).toHaveLength(10_000);
    expect(fnv(utf8.encode(strings.join('\0')))).toBe(0x6b85e262);
  });

  it.each(KINDS)('%s encodes and decodes the same, special tokens added, parsed and skipped', (kind) => {
    const tokenizer = open(kind);
    const ids = strings.map((text) => tokenizer.encode(text, { parseSpecial: true }));
    const [encoded, , decoded] = goldenHashes(kind);
    expect(mismatches(encoded, (index) => hashIds(ids[index] ?? new Int32Array()))).toEqual([]);
    expect(mismatches(decoded, (index) => fnv(utf8.encode(tokenizer.decode(ids[index] ?? []))))).toEqual([]);
  });

  it.each(KINDS)('%s encodes the same, special tokens neither added nor parsed', (kind) => {
    const tokenizer = open(kind);
    const hash = (index: number): number =>
      hashIds(tokenizer.encode(strings[index] ?? '', { addSpecialTokens: false }));
    expect(mismatches(goldenHashes(kind)[1], hash)).toEqual([]);
  });
});
