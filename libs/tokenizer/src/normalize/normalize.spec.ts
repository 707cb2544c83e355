import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lowercaseStep } from './lowercase.js';
import { replaceLiteral } from './replace-literal.js';
import { normalizeNow, type Normalizer } from './steps.js';
import { strip } from './strip.js';
import { MAX_COMBINING_UNITS, unicodeForm, type Form } from './unicode-form.js';

const FORMS: readonly Form[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];
/** Longer than several slices of 16,384 units, with every seam of a slice somewhere in the repeated part. */
const long = (part: string): string => part.repeat(Math.ceil(50_000 / part.length));

function pausesOf(step: Normalizer, text: string): number {
  let pauses = 0;
  for (const steps = step(text); steps.next().done !== true;) pauses++;
  return pauses;
}

describe('normalising a slice at a time', () => {
  it.each(FORMS)('%s gives what the whole text gives', (form) => {
    const parts = fc.array(
      fc.constantFrom(
        'a',
        'e\u0301',
        '\u0327',
        '\u0323\u0301',
        '가',
        '\u1100\u1161\u11a8',
        '\u1161',
        'ﾊﾞ',
        '\uff9f',
        'ﷺ',
        'ㅏ',
        '🙂',
        ' ',
      ),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(parts, (items) => {
        const text = long(items.join(''));
        fc.pre(!/[\p{M}\uff9f]{4000}/u.test(text));
        expect(normalizeNow(unicodeForm(form), text) === text.normalize(form)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('no character outside the marks and the known letters composes with the one before it', () => {
    const second = new Set<string>();
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const [, ...rest] = String.fromCodePoint(code).normalize('NFD');
      for (const char of rest) second.add(char);
    }
    const composing = [...second].filter((char) => !/^[\p{M}\u1160-\u11ff\u{16d60}-\u{16d6f}]$/u.test(char));
    expect(composing).toEqual([]);
  });

  it.each(FORMS)('%s refuses a run of combining marks that would take quadratic time', (form) => {
    const run = (length: number): unknown => normalizeNow(unicodeForm(form), `a${'\u0316\u0301'.repeat(length / 2)}`);
    expect(run(MAX_COMBINING_UNITS)).toEqual(expect.any(String));
    expect(() => run(MAX_COMBINING_UNITS + 2)).toThrow(expect.objectContaining({ reason: 'TEXT_RUN_TOO_LONG' }));
  });

  it('refuses a text that grows beyond the longest that is encoded', () => {
    const grow = (): unknown => normalizeNow(unicodeForm('NFKC'), 'ﷺ'.repeat(2_000_000));
    expect(grow).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field: 'text' }));
  });

  it('replaces a string as the whole text would have it replaced', () => {
    fc.assert(
      fc.property(fc.constantFrom('a', 'aa', 'aab', 'aba'), fc.constantFrom('', '$&'), (literal, content) => {
        for (const part of ['a', 'ab', 'aab', 'aabaa', 'abab']) {
          const text = long(part);
          const replaced = normalizeNow(replaceLiteral(literal, content, 'content'), text);
          expect(replaced === text.replaceAll(literal, () => content)).toBe(true);
        }
      }),
      { numRuns: 12 },
    );
  });

  it.each([
    ['NFC', unicodeForm('NFC'), 'Aé'],
    ['Replace', replaceLiteral(' ', '▁', 'content'), ' '],
    ['Lowercase', lowercaseStep, 'Aé'],
    ['Strip', strip(true, true), ' '],
  ])('%s pauses at least once for every 65,536 units', (_name, step, part) => {
    const units = 500_000;
    expect(pausesOf(step, part.repeat(units / part.length))).toBeGreaterThanOrEqual(Math.floor(units / 65_536) - 1);
  });
});
