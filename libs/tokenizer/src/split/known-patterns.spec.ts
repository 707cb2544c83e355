import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compilePattern } from '../pattern.js';
import { foreignSplitter } from './foreign-splitter.js';
import { KNOWN_SOURCES, knownPattern, type KnownPattern } from './known-patterns.js';
import { knownSplitter, PAUSE, type Splitter } from './splitter.js';

/** Members of every class that a pattern tells apart, and the letters of contractions in all their cases. */
const ALPHABET = [
  ...["'", "'", 's', 'S', '\u017f', 't', 're', 'R', 'e', 've', 'V', 'm', 'll', 'L', 'd', 'a', 'Z'],
  ...[' ', ' ', '\n', '\r', '\t', '\u00a0', '\u2028', '\u0085', '\u3000', '\u180e', '\u200b', '\ufeff'],
  ...['1', '2', '3', '_', '$', '²', 'Ⅷ', '٣', '/', '/', '!', '-', '€', '🙂', '\u0301', '\u093e', '\u20dd', '\u{1d165}'],
  ...[
    'ß',
    'É',
    'ǅ',
    'ª',
    'ʰ',
    '中',
    'ا',
    '\u{10400}',
    '\u{10428}',
    '\u{20000}',
    '\u{1d7ce}',
    '\u{e0001}',
    '\u{10ffff}',
  ],
];

function known(source: string): KnownPattern {
  const pattern = knownPattern(source);
  if (pattern === undefined) throw new Error(source);
  return pattern;
}

function spans(split: Splitter, text: string): unknown[] {
  return [...split(text)].filter((span) => span !== PAUSE);
}

/** The expression engine's way to split, compiled once. */
function engine(source: string): (text: string) => unknown[] {
  const compiled = compilePattern(source);
  return (text) =>
    spans(
      foreignSplitter(() => compiled, false),
      text,
    );
}

const texts = fc.array(fc.constantFrom(...ALPHABET), { maxLength: 40 }).map((parts) => parts.join(''));

describe('the split patterns of known families', () => {
  it.each(KNOWN_SOURCES)('cuts as the expression does, however often it has to pause: %s', (source) => {
    const expected = engine(source);
    fc.assert(
      fc.property(texts, fc.constantFrom(1, 2, 3, 65_536), (text, unitsPerStep) => {
        const found = spans(knownSplitter(known(source), unitsPerStep), text);
        return JSON.stringify(found) === JSON.stringify(expected(text));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(KNOWN_SOURCES)('pauses for every 1,000 units of a long run and scans no unit often: %s', (source) => {
    const units = 20_000;
    for (const part of ['a', 'A', '中', '1', ' ', '\n', '!', '/', '\u0301', 'A中', ' \n', '\n ', '!\n/']) {
      let spanCount = 0;
      let pauses = 0;
      for (const span of knownSplitter(known(source), 1000)(part.repeat(units / part.length))) {
        if (span === PAUSE) pauses++;
        else spanCount++;
      }
      if (spanCount <= 3) expect(pauses).toBeGreaterThanOrEqual(units / 1000 - 1);
      expect(pauses).toBeLessThanOrEqual((4 * units) / 1000 + 4);
    }
  });

  it('knows the expressions of GPT-2, Llama 3, Qwen 2, o200k and single digits', () => {
    expect(KNOWN_SOURCES).toEqual(
      expect.arrayContaining([
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        '\\p{N}',
      ]),
    );
  });
});
