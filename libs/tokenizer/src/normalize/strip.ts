import { UNITS_PER_STEP } from '../limits.js';
import { classOf, WHITE_SPACE } from '../split/char-classes.js';
import type { Normalizer } from './steps.js';

function isSpace(text: string, at: number): boolean {
  // White space is never outside the BMP.
  return (classOf(text.charCodeAt(at)) & WHITE_SPACE) !== 0;
}

/** The step Strip: takes white space off one end or both. */
export function strip(left: boolean, right: boolean): Normalizer {
  return function* (text) {
    let start = 0;
    while (left && start < text.length && isSpace(text, start)) if (++start % UNITS_PER_STEP === 0) yield;
    let end = text.length;
    while (right && end > start && isSpace(text, end - 1)) if (--end % UNITS_PER_STEP === 0) yield;
    return text.slice(start, end);
  };
}
