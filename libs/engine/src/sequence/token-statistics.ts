import { IntList } from './int-list.js';

/** Which tokens a sequence has seen and how often they are in its output, for the penalties of sampling. */
export class TokenStatistics {
  readonly #tokens = new IntList();
  readonly #counts = new IntList();
  readonly #slot = new Map<number, number>();

  /** @param seen tokens that count as seen but not as output (the prompt). */
  constructor(seen: Int32Array) {
    for (const token of seen) this.#slotOf(token);
  }

  addOutput(token: number): void {
    const slot = this.#slotOf(token);
    this.#counts.set(slot, this.#counts.at(slot) + 1);
  }

  /** A view, valid until the next `addOutput`: outputs are added between steps only. */
  tokens(): Int32Array {
    return this.#tokens.view();
  }

  counts(): Int32Array {
    return this.#counts.view();
  }

  /**
   * The statistics after none, one, two ... of these tokens, without taking them.
   *
   * @returns one entry more than there are tokens. O(tokens * distinct tokens seen).
   */
  ahead(tokens: Int32Array): { seenTokens: Int32Array; seenCounts: Int32Array }[] {
    const known = this.#tokens.length;
    const fresh = [...new Set(tokens)].filter((token) => !this.#slot.has(token));
    const all = new Int32Array(known + fresh.length);
    all.set(this.tokens());
    all.set(fresh, known);
    let counts = this.counts();
    const entries = [{ seenTokens: all.subarray(0, known), seenCounts: counts }];
    for (const token of tokens) {
      const slot = this.#slot.get(token) ?? known + fresh.indexOf(token);
      const grown = new Int32Array(Math.max(counts.length, slot + 1));
      grown.set(counts);
      grown[slot] = (grown[slot] ?? 0) + 1;
      counts = grown;
      entries.push({ seenTokens: all.subarray(0, counts.length), seenCounts: counts });
    }
    return entries;
  }

  #slotOf(token: number): number {
    const known = this.#slot.get(token);
    if (known !== undefined) return known;
    const slot = this.#tokens.length;
    this.#slot.set(token, slot);
    this.#tokens.push(token);
    this.#counts.push(0);
    return slot;
  }
}
