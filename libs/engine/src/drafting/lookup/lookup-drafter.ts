import type { Drafter } from '../drafter.js';
import { GramIndex } from './gram-index.js';

/** Runs that are looked for, the longest first: a shorter one is more often an accident. */
const GRAM_SIZES = [8, 5, 3] as const;
/** Places with the same run that are compared, and places with the same hash that are looked at for them. */
const MOST_PLACES = 4;
const MOST_HOPS = 16;
/** How far back two places are compared. */
const LONGEST_MATCH = 64;
/** A match of m tokens is worth a draft of m + 4. */
const TRUST = 4;
/** Tokens learned in one call: a long prompt is learned over several steps. */
const LEARNED_AT_ONCE = 8192;

const NOTHING = new Int32Array(0);

/**
 * Prompt lookup (Saxena, 2023): a text often goes on as it did when its last words were there before. Finds the earlier
 * place with the longest run in common with the end, of equally long ones the latest, and proposes what followed there.
 * A run that overlaps with its own repetition goes on repeating.
 *
 * @remarks Time per token of the text is constant. Memory is 12 bytes a token and a table of at most 1.5 MiB.
 */
export class LookupDrafter implements Drafter {
  readonly #indexes: readonly GramIndex[];
  #learned = 0;

  constructor(longestText: number) {
    this.#indexes = GRAM_SIZES.map((size) => new GramIndex(size, longestText));
  }

  get bytes(): number {
    return this.#indexes.reduce((sum, index) => sum + index.bytes, 0);
  }

  propose(text: Int32Array, most: number): Int32Array {
    this.#learn(text);
    if (this.#learned < text.length) return NOTHING;
    for (const index of this.#indexes) {
      const best = bestMatch(text, index);
      if (best !== null) return continuation(text, best.end, Math.min(most, best.length + TRUST));
    }
    return NOTHING;
  }

  #learn(text: Int32Array): void {
    const end = Math.min(text.length, this.#learned + LEARNED_AT_ONCE);
    for (; this.#learned < end; this.#learned++) for (const index of this.#indexes) index.add(text, this.#learned);
  }
}

/** The earlier place that has most in common with the end of the text; at least the index's size. */
function bestMatch(text: Int32Array, index: GramIndex): { end: number; length: number } | null {
  let best: { end: number; length: number } | null = null;
  let places = 0;
  let end = index.before(text.length - 1);
  for (let hops = 0; end >= 0 && hops < MOST_HOPS && places < MOST_PLACES; hops++) {
    const length = commonLength(text, end);
    if (length >= index.size) places++;
    if (length >= index.size && length > (best?.length ?? 0)) best = { end, length };
    end = index.before(end);
  }
  return best;
}

/** Tokens that the text up to `end` and the whole text have in common at their ends. */
function commonLength(text: Int32Array, end: number): number {
  const last = text.length - 1;
  const most = Math.min(LONGEST_MATCH, end + 1);
  let length = 0;
  while (length < most && text[end - length] === text[last - length]) length++;
  return length;
}

/** What follows after `end`; past the end of the text that is what the continuation itself says. */
function continuation(text: Int32Array, end: number, length: number): Int32Array {
  const tokens = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const from = end + 1 + i;
    tokens[i] = (from < text.length ? text[from] : tokens[from - text.length]) as number;
  }
  return tokens;
}
