import { IdBuffer } from './id-buffer.js';

const PLACES_PER_STEP = 4096;
const FIRST_MARK = 0xfdd0;
const LAST_MARK = 0xfdef;

/** A text in which marks stand in place of the characters at some offsets. */
export interface MarkedText {
  text: string;
  mark: string;
}

/**
 * Puts a noncharacter that the text does not contain, and that normalising leaves alone, in place of the units at some
 * offsets; null where the text contains all of them. Pauses now and then.
 *
 * @param offsets ascending, UTF-16 units
 */
export function* markPlaces(text: string, offsets: ArrayLike<number>): Generator<void, MarkedText | null> {
  for (let code = FIRST_MARK; code <= LAST_MARK; code++) {
    const mark = String.fromCharCode(code);
    if (text.includes(mark)) continue;
    const parts: string[] = [];
    let from = 0;
    for (let i = 0; i < offsets.length; i++) {
      if (i % PLACES_PER_STEP === PLACES_PER_STEP - 1) yield;
      const at = offsets[i] ?? 0;
      parts.push(text.slice(from, at));
      from = at + 1;
    }
    parts.push(text.slice(from));
    return { text: parts.join(mark), mark };
  }
  return null;
}

/**
 * Where the marked places are after normalising.
 *
 * @param marked the marked text, normalised
 * @param normalized the text itself, normalised
 * @returns ascending; null where the marks changed what normalising does, so that nothing is known about the places
 */
export function* placesAfter(marked: MarkedText, normalized: string): Generator<void, Int32Array | null> {
  const { text, mark } = marked;
  if (text.length !== normalized.length) return null;
  const places = new IdBuffer();
  let from = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
    if (text.slice(from, at) !== normalized.slice(from, at)) return null;
    places.push(at);
    if (places.size % PLACES_PER_STEP === 0) yield;
    from = at + 1;
  }
  return text.slice(from) === normalized.slice(from) ? places.toArray() : null;
}
