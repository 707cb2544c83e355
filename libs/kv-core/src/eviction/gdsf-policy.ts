import { type BlockHandle, NO_BLOCK } from '../prefix-index/block-record.js';
import { f64Column, u32Column } from '../prefix-index/column.js';
import type { PrefixIndex } from '../prefix-index/prefix-index.js';
import { BlockHeap } from './block-heap.js';

export interface GdsfOptions {
  /** Number of the tier, as in `TIERS`. */
  readonly tier: number;
  /** What the copy in the tier is worth now: uses times the microseconds that each saves, per byte. */
  readonly worth: (block: BlockHandle) => number;
  /** Uses that are numbered before the numbers are halved; 2^32 - 1 when absent. */
  readonly maxOrder?: number;
}

const MAX_U32 = 0xffffffff;

/**
 * Which copies of one tier go first: Greedy Dual Size Frequency over the tree of prefixes, leaf first. The priority of a block is `clock + worth` as of its last use, where the clock is the priority of the last
 * victim: what is dear to compute, small or often used stays, and what was so long ago goes. Among equals the one
 * used longest ago goes first.
 *
 * The index says what is in the tier and what is a leaf of it; whoever changes that tells the policy (`entered`, `left`).
 * 16 bytes for each block of the tier and 4 for each leaf. One policy per tier.
 */
export class GdsfPolicy {
  readonly #index: PrefixIndex;
  readonly #options: GdsfOptions;
  readonly #priority = f64Column();
  /** Number of the last use. */
  readonly #order = u32Column();
  readonly #heap = new BlockHeap((a, b) => this.#before(a, b));
  #clock = 0;
  #uses = 0;

  constructor(index: PrefixIndex, options: GdsfOptions) {
    this.#index = index;
    this.#options = options;
  }

  /** Leaves of the tier. */
  get candidates(): number {
    return this.#heap.size;
  }

  /** Memory of the arrays. */
  get byteLength(): number {
    return this.#priority.byteLength + this.#order.byteLength + this.#heap.byteLength;
  }

  /** A block of the tier was used. */
  touch(block: BlockHandle): void {
    this.#priority.set(block, this.#clock + this.#options.worth(block));
    this.#order.set(block, this.#nextUse());
    if (this.#heap.has(block)) this.#heap.put(block);
  }

  /** The block has entered the tier, which is its first use. */
  entered(block: BlockHandle): void {
    this.touch(block);
    this.#moved(block);
  }

  /** The block has left the tier. */
  left(block: BlockHandle): void {
    this.#moved(block);
  }

  /** It may be a candidate now or not, and so may its parent. */
  #moved(block: BlockHandle): void {
    this.#place(block);
    const parent = this.#index.parentOf(block);
    if (parent !== NO_BLOCK) this.#place(parent);
  }

  /**
   * The leaf of the smallest priority that `allowed` lets go, or `NO_BLOCK`. It stays a candidate until it has left
   * the tier.
   *
   * @remarks O(log n) a block looked at; every leaf is looked at when none is allowed.
   */
  victim(allowed: (block: BlockHandle) => boolean): BlockHandle {
    const aside: BlockHandle[] = [];
    let victim = this.#heap.first();
    while (victim !== NO_BLOCK && !allowed(victim)) {
      aside.push(victim);
      this.#heap.delete(victim);
      victim = this.#heap.first();
    }
    for (const block of aside) this.#heap.put(block);
    if (victim !== NO_BLOCK) this.#clock = Math.max(this.#clock, this.#priority.get(victim));
    return victim;
  }

  #place(block: BlockHandle): void {
    const { tier } = this.#options;
    if (this.#index.inTier(block, tier) && this.#index.isLeaf(block, tier)) this.#heap.put(block);
    else this.#heap.delete(block);
  }

  #before(a: BlockHandle, b: BlockHandle): boolean {
    const difference = this.#priority.get(a) - this.#priority.get(b);
    return difference === 0 ? this.#order.get(a) < this.#order.get(b) : difference < 0;
  }

  /** Numbers that have run out are halved: the order of uses stays, only neighbours may become equal. */
  #nextUse(): number {
    if (this.#uses === (this.#options.maxOrder ?? MAX_U32)) {
      this.#order.update((order) => order >>> 1);
      this.#uses >>>= 1;
    }
    return ++this.#uses;
  }
}
