import { seededRandom } from '@longhaul/testing';

/**
 * A stream of draws that depends on its parts alone (a seed, a task, a length, the number of a sample, what is drawn):
 * two streams of one sample never disturb each other, so what one draws more of leaves the rest of the sample as it is.
 */
export class Draws {
  readonly #next: () => number;

  constructor(...parts: readonly (string | number)[]) {
    this.#next = seededRandom(hashOf(parts.join('\0')));
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  /** @throws RangeError for an empty list. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('There is nothing to pick from.');
    return items[this.below(items.length)] as T;
  }

  /** All items in a random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      [result[i], result[other]] = [result[other] as T, result[i] as T];
    }
    return result;
  }

  /** `count` different integers below `limit`, ascending. O(count). @throws RangeError where there are not as many. */
  positions(count: number, limit: number): number[] {
    if (count > limit) throw new RangeError(`There are not ${count} different integers below ${limit}.`);
    const chosen = new Set<number>();
    // Floyd: each round adds exactly one.
    for (let last = limit - count; last < limit; last++) {
      const drawn = this.below(last + 1);
      chosen.add(chosen.has(drawn) ? last : drawn);
    }
    return [...chosen].sort((a, b) => a - b);
  }

  /** `count` different results of `draw`. @throws RangeError where `draw` does not give as many. */
  distinct(count: number, draw: () => string): string[] {
    const found = new Set<string>();
    for (let tries = 0; found.size < count; tries++) {
      if (tries > 1000 * (count + 1)) throw new RangeError(`There are not ${count} different draws.`);
      found.add(draw());
    }
    return [...found];
  }

  /** `length` characters of an alphabet. */
  letters(length: number, alphabet: string): string {
    return Array.from({ length }, () => alphabet.charAt(this.below(alphabet.length))).join('');
  }

  /** A whole number of `digits` decimal digits, the first of them not 0. */
  number(digits: number): string {
    return this.letters(1, '123456789') + this.letters(digits - 1, '0123456789');
  }

  /** A UUID of version 4. */
  uuid(): string {
    const hex = this.letters(32, '0123456789abcdef');
    const variant = this.letters(1, '89ab');
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      variant + hex.slice(17, 20),
      hex.slice(20),
    ].join('-');
  }
}

/** FNV-1a over UTF-16 units, mixed once more so that neighbouring numbers give unlike seeds. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
