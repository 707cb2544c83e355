import { NO_BLOCK, PinLevel, type BlockHandle, type IndexObserver } from '../prefix-index/block-record.js';
import { f64Column, u32Column } from '../prefix-index/column.js';
import type { PrefixIndex } from '../prefix-index/prefix-index.js';
import { BlockHeap } from './block-heap.js';

/** Weight of a block: the more, the longer it stays. */
export type BlockValue = (index: PrefixIndex, block: BlockHandle) => number;

export interface VictimQuery {
  /** Bytes that must become free. */
  readonly bytes: number;
  /** Takes victims among these only, for instance those of one namespace. Costs a scan of all candidates. */
  readonly accept?: (block: BlockHandle) => boolean;
}

export interface Victims {
  /** Children before parents: the order in which they can be removed. */
  readonly blocks: readonly BlockHandle[];
  /** Their sizes added up; less than asked for when nothing more can go. */
  readonly bytes: number;
}

/**
 * Which blocks of one tier go first: Greedy Dual Size Frequency over the tree of prefixes, leaf first. The priority of a
 * block is `clock + frequency * cost / bytes` as of its last use, where the clock is the priority of the last victim;
 * so that what is dear to compute, small or often used stays, and what was so long ago goes. A victim has no child
 * in the tier, no lease and no hard pin; softly pinned ones go last.
 *
 * Follows leases, pins and uses through the index by itself. 20 bytes per block of the index. One policy per tier.
 */
export class GdsfPolicy implements IndexObserver {
  readonly #index: PrefixIndex;
  readonly #value: BlockValue;
  /** 0: not of this tier; else 1 + children in this tier. */
  readonly #members = u32Column();
  readonly #priority = f64Column();
  readonly #heap: BlockHeap;
  #clock = 0;
  #bytes = 0;
  #size = 0;

  /** @param value `gdsfValue` when absent: frequency * recompute cost / size. */
  constructor(index: PrefixIndex, value: BlockValue = gdsfValue) {
    this.#index = index;
    this.#value = value;
    this.#heap = new BlockHeap((a, b) => this.#before(a, b));
    index.observe(this);
  }

  /** Blocks of the tier, and their sizes added up. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Blocks that could go now. */
  get candidates(): number {
    return this.#heap.size;
  }

  get byteLength(): number {
    return this.#members.bytes + this.#priority.bytes + this.#heap.byteLength;
  }

  has(block: BlockHandle): boolean {
    this.#reserve(block);
    return this.#members.get(block) !== 0;
  }

  /** The block is in the tier now. Nothing when it was already. A parent comes before its children. */
  add(block: BlockHandle): void {
    if (this.has(block)) return;
    this.#members.set(block, 1);
    this.#size++;
    this.#bytes += this.#index.bytesOf(block);
    const parent = this.#index.parentOf(block);
    if (parent !== NO_BLOCK && this.has(parent)) {
      this.#members.set(parent, this.#members.get(parent) + 1);
      this.#place(parent);
    }
    this.touched(block);
  }

  /** The block has left the tier. Nothing when it was not in it. */
  delete(block: BlockHandle): void {
    if (!this.has(block)) return;
    this.#heap.delete(block);
    this.#members.set(block, 0);
    this.#size--;
    this.#bytes -= this.#index.bytesOf(block);
    const parent = this.#index.parentOf(block);
    if (parent === NO_BLOCK || !this.has(parent)) return;
    this.#members.set(parent, Math.max(1, this.#members.get(parent) - 1));
    this.#place(parent);
  }

  /**
   * Takes blocks that are worth least until enough bytes are free or nothing more can go. They leave the policy at
   * once; the caller moves or removes their bytes.
   */
  takeVictims({ bytes, accept }: VictimQuery): Victims {
    const blocks: BlockHandle[] = [];
    let freed = 0;
    const heap = accept === undefined ? this.#heap : this.#accepted(accept);
    while (freed < bytes) {
      const victim = heap.first();
      if (victim === NO_BLOCK) break;
      blocks.push(victim);
      freed += this.#index.bytesOf(victim);
      this.#clock = Math.max(this.#clock, this.#priority.get(victim));
      heap.delete(victim);
      this.delete(victim);
      const parent = this.#index.parentOf(victim);
      if (accept === undefined || parent === NO_BLOCK) continue;
      if (this.#heap.has(parent) && accept(parent)) heap.put(parent);
    }
    return { blocks, bytes: freed };
  }

  eligibilityChanged(block: BlockHandle): void {
    if (this.has(block)) this.#place(block);
  }

  touched(block: BlockHandle): void {
    if (!this.has(block)) return;
    this.#priority.set(block, this.#clock + this.#value(this.#index, block));
    this.#place(block);
  }

  removed(block: BlockHandle): void {
    this.delete(block);
  }

  #accepted(accept: (block: BlockHandle) => boolean): BlockHeap {
    const heap = new BlockHeap((a, b) => this.#before(a, b));
    for (let place = 0; place < this.#heap.size; place++) {
      const block = this.#heap.at(place);
      if (accept(block)) heap.put(block);
    }
    return heap;
  }

  /** Into the heap or out of it, as the block may go or not. */
  #place(block: BlockHandle): void {
    const index = this.#index;
    const mayGo = this.#members.get(block) === 1 && index.leasesOf(block) === 0 && index.pinOf(block) !== PinLevel.hard;
    if (mayGo) this.#heap.put(block);
    else this.#heap.delete(block);
  }

  #before(a: BlockHandle, b: BlockHandle): boolean {
    const pinA = this.#index.pinOf(a);
    const pinB = this.#index.pinOf(b);
    if (pinA !== pinB) return pinA < pinB;
    return this.#priority.get(a) < this.#priority.get(b);
  }

  #reserve(block: BlockHandle): void {
    this.#members.reserve(block + 1);
    this.#priority.reserve(block + 1);
  }
}

/** Microseconds of recomputing that a byte of this block has saved, counting it as used once on entry. */
export function gdsfValue(index: PrefixIndex, block: BlockHandle): number {
  return (index.frequencyOf(block) * index.costMicrosOf(block)) / Math.max(1, index.bytesOf(block));
}
