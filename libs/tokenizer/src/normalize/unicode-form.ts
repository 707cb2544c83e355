import { AppError } from '@longhaul/kernel';
import { CLASS, classOf, unitsOf } from '../split/char-classes.js';
import { TextParts, wholeCharacters, type Normalizer } from './steps.js';

export type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

const SLICE_UNITS = 16_384;
/** Longest run of characters that may all combine with each other: ordering such a run takes quadratic time. */
export const MAX_COMBINING_UNITS = 4096;
const FIRST_MARK = 0x300;
const LAST_BMP = 0xffff;
const MARK = /^\p{M}/u;
/** Letters that compose with the one before them although they are no marks. */
const HANGUL_VOWEL = /^[\u1160-\u11a7\ud7b0-\ud7ca]/u;
const HANGUL_FINAL = /^[\u11a8-\u11ff\ud7cb-\ud7ff]/u;
const KIRAT_RAI = /[\u{16d60}-\u{16d6f}]$/u;
/** What a Hangul vowel composes with. */
const HANGUL_INITIAL = /[\u1100-\u115f\ua960-\ua97f]$/u;
/** What a Hangul final composes with: a syllable, which ends in a vowel when it is decomposed. */
const HANGUL_VOWEL_AT_END = /[\u1160-\u11a7\ud7b0-\ud7ca]$/u;

/**
 * Unicode normalisation, a slice at a time. A slice ends before a character that neither combines with what is before it
 * nor ever is moved in front of it, so the parts put together are what the whole gives.
 *
 * @throws (when run) AppError TEXT_RUN_TOO_LONG for over 4,096 units of marks in one run
 */
export function unicodeForm(form: Form): Normalizer {
  return function* (text) {
    const parts = new TextParts();
    for (let start = 0; start < text.length;) {
      const end = sliceEnd(text, start);
      parts.push(text.slice(start, end).normalize(form));
      start = end;
      if (start < text.length) yield;
    }
    return parts.join();
  };
}

function sliceEnd(text: string, start: number): number {
  const end = wholeCharacters(text, Math.min(text.length, start + SLICE_UNITS));
  refuseLongRuns(text.slice(start, end));
  for (let at = end; at > start && end - at <= MAX_COMBINING_UNITS;) {
    if (at === text.length || beginsAnew(text, at)) return at;
    at -= charBefore(text, at).length;
  }
  throw runTooLong();
}

function charBefore(text: string, at: number): string {
  const pair = at > 1 && (text.codePointAt(at - 2) ?? 0) > LAST_BMP;
  return text.slice(pair ? at - 2 : at - 1, at);
}

/** Whether nothing before this character can change what becomes of it. */
function beginsAnew(text: string, at: number): boolean {
  const codePoint = text.codePointAt(at) ?? 0;
  if (codePoint < FIRST_MARK) return true;
  const next = String.fromCodePoint(codePoint).normalize('NFKD');
  const before = charBefore(text, at).normalize('NFKD');
  if (MARK.test(next)) return false;
  if (HANGUL_VOWEL.test(next)) return !HANGUL_INITIAL.test(before);
  if (HANGUL_FINAL.test(next)) return !HANGUL_VOWEL_AT_END.test(before);
  return !KIRAT_RAI.test(next) || !KIRAT_RAI.test(before);
}

/** The half-width sound marks are letters, but turn into marks. */
const HALF_WIDTH_MARKS = [0xff9e, 0xff9f];

function refuseLongRuns(slice: string): void {
  let run = 0;
  for (let at = 0; at < slice.length && run <= MAX_COMBINING_UNITS;) {
    const codePoint = slice.codePointAt(at) ?? 0;
    const combines = classOf(codePoint) === CLASS.mark || HALF_WIDTH_MARKS.includes(codePoint);
    run = combines ? run + 1 : 0;
    at += unitsOf(codePoint);
  }
  if (run > MAX_COMBINING_UNITS) throw runTooLong();
}

function runTooLong(): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TEXT_RUN_TOO_LONG',
    field: 'text',
    message: `The text has more than ${MAX_COMBINING_UNITS} combining characters in one run.`,
    details: { max: MAX_COMBINING_UNITS },
  });
}
