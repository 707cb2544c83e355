const EMPTY = -1;
const { imul } = Math;

/** Spreads a pair of ids over the table; any fixed odd multipliers do. */
function slotOf(left: number, right: number, mask: number): number {
  const mixed = imul(left, 0x9e3779b1) ^ imul(right, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & mask;
}

/**
 * Pair of token ids → rank of the merge and id of the merged token. Open addressing over typed arrays: a merge costs
 * one or two probes and no allocation, also for 500,000 merges.
 */
export class MergeTable {
  readonly #mask: number;
  readonly #keys: Int32Array;
  readonly #ranks: Int32Array;
  readonly #merged: Int32Array;

  /** @param capacity number of pairs that will be set */
  constructor(capacity: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 2)));
    this.#mask = size - 1;
    this.#keys = new Int32Array(size * 2).fill(EMPTY);
    this.#ranks = new Int32Array(size);
    this.#merged = new Int32Array(size);
  }

  /** The last merge of a pair wins, as in `tokenizers`. */
  set(left: number, right: number, merge: { rank: number; id: number }): void {
    let slot = slotOf(left, right, this.#mask);
    while (this.#keys[slot * 2] !== EMPTY && !this.#holds(slot, left, right)) slot = (slot + 1) & this.#mask;
    this.#keys[slot * 2] = left;
    this.#keys[slot * 2 + 1] = right;
    this.#ranks[slot] = merge.rank;
    this.#merged[slot] = merge.id;
  }

  /** Slot of a pair for `rank` and `merged`, or -1. */
  find(left: number, right: number): number {
    const keys = this.#keys;
    let slot = slotOf(left, right, this.#mask);
    while (keys[slot * 2] !== EMPTY) {
      if (keys[slot * 2] === left && keys[slot * 2 + 1] === right) return slot;
      slot = (slot + 1) & this.#mask;
    }
    return -1;
  }

  /** Rank at a slot of `find`; lower merges first. */
  rank(slot: number): number {
    return this.#ranks[slot] ?? 0;
  }

  /** Merged token at a slot of `find`. */
  merged(slot: number): number {
    return this.#merged[slot] ?? 0;
  }

  #holds(slot: number, left: number, right: number): boolean {
    return this.#keys[slot * 2] === left && this.#keys[slot * 2 + 1] === right;
  }
}
