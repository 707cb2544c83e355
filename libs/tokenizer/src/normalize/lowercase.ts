import { TextParts, wholeCharacters, type Normalizer } from './steps.js';

const SLICE_UNITS = 16_384;
const CASED = /\p{Lu}|\p{Lt}/u;

/** Letter by letter: JavaScript's own would spell a final sigma differently. */
function lowercase(text: string): string {
  return CASED.test(text) ? Array.from(text, (char) => char.toLowerCase()).join('') : text;
}

/** The step Lowercase, a slice at a time. */
export const lowercaseStep: Normalizer = function* (text) {
  const parts = new TextParts();
  for (let start = 0; start < text.length;) {
    const end = wholeCharacters(text, Math.min(text.length, start + SLICE_UNITS));
    parts.push(lowercase(text.slice(start, end)));
    start = end;
    if (start < text.length) yield;
  }
  return parts.join();
};
