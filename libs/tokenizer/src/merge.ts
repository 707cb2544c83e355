import type { MergeTable } from './merge-table.js';
import { MinHeap } from './min-heap.js';

const NO_MERGE = 0x7fffffff;
/** Heap key = rank * POSITIONS + position: exact in a double for ranks under 2^24 and positions under 2^29. */
const POSITIONS = 2 ** 29;
const POPS_PER_STEP = 8192;
const OFFERS_PER_STEP = 65_536;

function rankOf(table: MergeTable, left: number, right: number): number {
  const slot = table.find(left, right);
  return slot < 0 ? NO_MERGE : table.rank(slot);
}

/**
 * Merges a short piece in place: the lowest rank first, the leftmost of equals. O(n²), without allocation for the
 * usual handful of symbols.
 *
 * @returns how many of `symbols` are left, from the front
 */
export function mergeShort(symbols: Int32Array, count: number, table: MergeTable): number {
  const ranks = new Int32Array(count);
  for (let i = 0; i + 1 < count; i++) ranks[i] = rankOf(table, symbols[i] ?? 0, symbols[i + 1] ?? 0);
  let left = count;
  for (;;) {
    let best = NO_MERGE;
    let at = -1;
    for (let i = 0; i + 1 < left; i++) {
      const rank = ranks[i] ?? NO_MERGE;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return left;
    symbols[at] = table.merged(table.find(symbols[at] ?? 0, symbols[at + 1] ?? 0));
    symbols.copyWithin(at + 1, at + 2, left);
    ranks.copyWithin(at + 1, at + 2, left);
    left--;
    if (at + 1 < left) ranks[at] = rankOf(table, symbols[at] ?? 0, symbols[at + 1] ?? 0);
    if (at > 0) ranks[at - 1] = rankOf(table, symbols[at - 1] ?? 0, symbols[at] ?? 0);
  }
}

/** A doubly linked list over positions, so that a merge is O(1). -1 ends it. */
class Links {
  readonly next: Int32Array;
  readonly previous: Int32Array;

  constructor(count: number) {
    this.next = new Int32Array(count);
    this.previous = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      this.next[i] = i + 1 < count ? i + 1 : -1;
      this.previous[i] = i - 1;
    }
  }

  /** Takes out the element after `at`. */
  dropAfter(at: number): void {
    const after = this.next[this.next[at] ?? 0] ?? -1;
    this.next[at] = after;
    if (after >= 0) this.previous[after] = at;
  }
}

/** The symbols that are not swallowed, moved to the front of the same array. */
function compact(symbols: Int32Array): Int32Array {
  let size = 0;
  for (let i = 0; i < symbols.length; i++) {
    const id = symbols[i] ?? -1;
    if (id >= 0) symbols[size++] = id;
  }
  return symbols.subarray(0, size);
}

/**
 * The same result as `mergeShort` for a piece of any length in O(n log n), in steps: yields now and then so that the
 * caller can let other work run.
 *
 * @returns the merged ids
 */
export function* mergeLong(symbols: Int32Array, table: MergeTable): Generator<void, Int32Array> {
  const links = new Links(symbols.length);
  const heap = new MinHeap(Math.min(symbols.length, OFFERS_PER_STEP));
  const offer = (at: number, right: number): void => {
    const rank = rankOf(table, symbols[at] ?? 0, symbols[right] ?? 0);
    if (rank !== NO_MERGE) heap.push(rank * POSITIONS + at);
  };
  for (let i = 0; i + 1 < symbols.length; i++) {
    offer(i, i + 1);
    if (i % OFFERS_PER_STEP === 0) yield;
  }
  for (let pops = 1; heap.size > 0; pops++) {
    if (pops % POPS_PER_STEP === 0) yield;
    const key = heap.pop();
    const at = key % POSITIONS;
    const right = links.next[at] ?? -1;
    // A swallowed symbol is marked -1; a stale entry's rank is not its pair's any more.
    if ((symbols[at] ?? -1) < 0 || right < 0) continue;
    const slot = table.find(symbols[at] ?? 0, symbols[right] ?? 0);
    if (slot < 0 || table.rank(slot) !== (key - at) / POSITIONS) continue;
    symbols[at] = table.merged(slot);
    symbols[right] = -1;
    links.dropAfter(at);
    const before = links.previous[at] ?? -1;
    if (before >= 0) offer(before, at);
    const after = links.next[at] ?? -1;
    if (after >= 0) offer(at, after);
  }
  return compact(symbols);
}
