import { unsupported } from '../json.js';
import { MAX_REPLACEMENT_UNITS } from '../limits.js';
import { TextParts, type Normalizer } from './steps.js';

const SLICE_UNITS = 16_384;

/**
 * Replaces every occurrence of a plain string, a slice of the text at a time.
 *
 * @throws AppError UNSUPPORTED_TOKENIZER for strings of over 256 units
 */
export function replaceLiteral(literal: string, content: string, where: string): Normalizer {
  if (literal.length > MAX_REPLACEMENT_UNITS || content.length > MAX_REPLACEMENT_UNITS) {
    throw unsupported(`${where} has more than ${MAX_REPLACEMENT_UNITS} units.`);
  }
  return function* (text) {
    const parts = new TextParts();
    for (let start = 0; start < text.length;) {
      const end = sliceEnd(text, start, literal);
      parts.push(text.slice(start, end).replaceAll(literal, () => content));
      start = end;
      if (start < text.length) yield;
    }
    return parts.join();
  };
}

/** The end of a slice that cuts no occurrence in two. */
function sliceEnd(text: string, start: number, literal: string): number {
  const end = Math.min(text.length, start + SLICE_UNITS);
  if (literal.length === 1 || end === text.length) return end;
  const window = text.slice(start, end + literal.length - 1);
  let after = 0;
  for (let at = window.indexOf(literal); at >= 0 && start + at < end; at = window.indexOf(literal, after)) {
    after = at + literal.length;
  }
  return Math.max(end, start + after);
}
