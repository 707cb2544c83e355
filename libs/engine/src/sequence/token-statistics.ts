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
