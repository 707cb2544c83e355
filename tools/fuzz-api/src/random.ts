import { seededRandom } from '@longhaul/testing';

/** Everything random about one case: the same seed and number give the same case, whatever ran before. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number, caseNumber = 0) {
    this.#next = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(caseNumber + 1, 0x85ebca77));
  }

  /** A number from 0, inclusive, to 1, exclusive. */
  share(): number {
    return this.#next();
  }

  /** A whole number, both ends inclusive. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  /** A whole number whose size is as likely as any other size: most are small, some as large as `max`. */
  size(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.#next());
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#next() * items.length)];
    if (item === undefined && items.length === 0) throw new Error('nothing to pick from');
    return item as T;
  }

  /** Several of the items, each at most once, in their order. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = new Set(items.keys());
    while (left.size > count) left.delete(this.pick([...left]));
    return items.filter((_, index) => left.has(index));
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.integer(0, 255)));
  }

  letters(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(97 + this.integer(0, 25))).join('');
  }
}
