import { randomBytes } from 'node:crypto';
import { kvErrors } from '../errors.js';
import { checkBytes } from '../keys/key-bytes.js';
import type { QualityClass } from '../quality.js';
import { Bits, BlockRecords, loadKey, Word } from './block-records.js';
import {
  NO_BLOCK,
  type BlockHandle,
  type IndexObserver,
  type NewBlock,
  type PinLevel,
  type PrefixQuery,
} from './block-record.js';
import { SlotTable } from './slot-table.js';

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffffffff;

export interface PrefixIndexOptions {
  /** Most blocks that are held; one more is refused with `KV_INDEX_FULL`. */
  readonly maxBlocks: number;
  /** Makes the places of keys unpredictable to whoever chooses keys. Random when absent. */
  readonly seed?: number;
}

/**
 * All blocks of a store by key, with their place in the tree of prefixes. Lives in typed arrays: about 75 bytes per
 * block, no object per block, growth in pieces. Lookups compare whole keys; the hash only finds candidates.
 *
 * One owner; not safe for concurrent use by threads.
 */
export class PrefixIndex {
  readonly maxBlocks: number;
  readonly #seed: number;
  readonly #records = new BlockRecords();
  readonly #table = new SlotTable((slot) => this.#hash(this.#records.get(slot, 0), this.#records.get(slot, 1)));
  readonly #observers: IndexObserver[] = [];
  readonly #wanted = new Uint32Array(8);
  #wantedNamespace = 0;
  #size = 0;
  /** Slots ever used; those given back are chained from `#free`. */
  #slots = 0;
  #free = 0;

  constructor(options: PrefixIndexOptions) {
    this.maxBlocks = options.maxBlocks;
    this.#seed = options.seed ?? randomBytes(4).readUInt32LE();
  }

  /** Blocks held. */
  get size(): number {
    return this.#size;
  }

  /** Memory of the arrays. */
  get byteLength(): number {
    return this.#records.byteLength + this.#table.bytes;
  }

  /** Every handle given out so far is below this. */
  get handleLimit(): number {
    return this.#slots;
  }

  observe(observer: IndexObserver): void {
    this.#observers.push(observer);
  }

  /**
   * Enters a block; its frequency starts at 1.
   *
   * @throws AppError `KV_INDEX_FULL`; `KV_BLOCK_EXISTS` for a key that the namespace has; `INVALID_ARGUMENT` for fields out
   * of range and a parent of another namespace.
   */
  insert(block: NewBlock): BlockHandle {
    this.#checkNew(block);
    if (this.#size >= this.maxBlocks) throw kvErrors.indexFull(this.maxBlocks);
    if (this.find(block.namespace, block.key) !== NO_BLOCK) throw kvErrors.blockExists();
    const handle = this.#takeSlot();
    this.#write(handle, block);
    if (block.parent !== NO_BLOCK) this.#addChildren(block.parent, 1);
    this.#table.add(this.#hash(this.#wanted[0] as number, this.#wanted[1] as number), handle);
    this.#size++;
    return handle;
  }

  /** The block of this key, visible or not, or `NO_BLOCK`. */
  find(namespace: number, key: Uint8Array): BlockHandle {
    checkBytes('key', key);
    loadKey(key, this.#wanted);
    this.#wantedNamespace = namespace;
    return this.#table.find(this.#hash(this.#wanted[0] as number, this.#wanted[1] as number), this.#isWanted);
  }

  /**
   * The longest run of blocks from the first key on that are visible, of this rollout, good enough, and each the child
   * of the one before. Stops at the first that is not. O(keys found).
   *
   * @returns handles in order; empty when nothing matches.
   */
  longestPrefix(query: PrefixQuery): Uint32Array {
    const records = this.#records;
    const found = new Uint32Array(query.keys.length);
    let count = 0;
    for (const key of query.keys) {
      const handle = this.find(query.namespace, key);
      if (handle === NO_BLOCK || records.getBits(handle, Bits.visible) === 0) break;
      if (records.getBits(handle, Bits.quality) > query.minQuality) break;
      if (records.get(handle, Word.deployEpoch) !== query.deployEpoch) break;
      if (count > 0 && this.parentOf(handle) !== found[count - 1]) break;
      found[count++] = handle;
    }
    return found.subarray(0, count);
  }

  /**
   * Takes out a block that has no children and no lease.
   *
   * @throws AppError `KV_BLOCK_IN_USE` otherwise: evict leaves first.
   */
  remove(handle: BlockHandle): void {
    this.#check(handle);
    const records = this.#records;
    if (this.childrenOf(handle) > 0 || this.leasesOf(handle) > 0) throw kvErrors.blockInUse();
    for (const observer of this.#observers) observer.removed(handle);
    const parent = this.parentOf(handle);
    if (parent !== NO_BLOCK) this.#addChildren(parent, -1);
    this.#table.delete(this.#hash(records.get(handle, 0), records.get(handle, 1)), handle);
    records.setBits(handle, Bits.quality, 0);
    records.set(handle, Word.parent, this.#free);
    this.#free = handle + 1;
    this.#size--;
  }

  /** Handles of all blocks, in no particular order. The index must not change meanwhile. */
  *entries(): Generator<BlockHandle> {
    for (let handle = 0; handle < this.#slots; handle++)
      if (this.#records.getBits(handle, Bits.quality) !== 0) yield handle;
  }

  /** Whether the handle names a block now. */
  holds(handle: BlockHandle): boolean {
    return handle >= 0 && handle < this.#slots && this.#records.getBits(handle, Bits.quality) !== 0;
  }

  keyOf(handle: BlockHandle): Uint8Array {
    return this.#records.readKey(handle);
  }

  parentOf(handle: BlockHandle): BlockHandle {
    return this.#records.get(handle, Word.parent) - 1;
  }

  childrenOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.children);
  }

  /** Number of the block in its chain, from 0. */
  depthOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.depth);
  }

  bytesOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.bytes);
  }

  costMicrosOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.costMicros);
  }

  frequencyOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.frequency);
  }

  namespaceOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.namespace);
  }

  deployEpochOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.deployEpoch);
  }

  qualityOf(handle: BlockHandle): QualityClass {
    return this.#records.getBits(handle, Bits.quality) as QualityClass;
  }

  leasesOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.leases);
  }

  /** Sum of `TierBit`. */
  tiersOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.tiers);
  }

  setTiers(handle: BlockHandle, tiers: number): void {
    this.#records.setBits(handle, Bits.tiers, tiers);
  }

  isVisible(handle: BlockHandle): boolean {
    return this.#records.getBits(handle, Bits.visible) === 1;
  }

  setVisible(handle: BlockHandle, visible: boolean): void {
    this.#records.setBits(handle, Bits.visible, visible ? 1 : 0);
  }

  pinOf(handle: BlockHandle): PinLevel {
    return this.#records.getBits(handle, Bits.pin) as PinLevel;
  }

  setPin(handle: BlockHandle, pin: PinLevel): void {
    this.#check(handle);
    this.#records.setBits(handle, Bits.pin, pin);
    this.#eligibilityChanged(handle);
  }

  /** Counts a use, up to 65,535. */
  touch(handle: BlockHandle): void {
    this.#records.setBits(handle, Bits.frequency, Math.min(MAX_U16, this.frequencyOf(handle) + 1));
    for (const observer of this.#observers) observer.touched(handle);
  }

  /**
   * Keeps the block until `release` has been called as often.
   *
   * @throws AppError `KV_BUSY` at 65,535 leases of one block.
   */
  lease(handle: BlockHandle): void {
    this.#check(handle);
    const count = this.leasesOf(handle);
    if (count === MAX_U16) throw kvErrors.tooManyLeases(MAX_U16);
    this.#records.setBits(handle, Bits.leases, count + 1);
    if (count === 0) this.#eligibilityChanged(handle);
  }

  release(handle: BlockHandle): void {
    const count = this.leasesOf(handle);
    if (count === 0) throw kvErrors.argument('handle', 'The block has no lease.');
    this.#records.setBits(handle, Bits.leases, count - 1);
    if (count === 1) this.#eligibilityChanged(handle);
  }

  #write(handle: BlockHandle, block: NewBlock): void {
    const records = this.#records;
    records.begin(handle, this.#wanted);
    records.set(handle, Word.parent, block.parent + 1);
    records.set(handle, Word.depth, block.parent === NO_BLOCK ? 0 : this.depthOf(block.parent) + 1);
    records.set(handle, Word.bytes, block.bytes);
    records.set(handle, Word.costMicros, Math.min(MAX_U32, Math.round(block.costMicros)));
    records.set(handle, Word.deployEpoch, block.deployEpoch);
    records.setBits(handle, Bits.frequency, 1);
    records.setBits(handle, Bits.namespace, block.namespace);
    records.setBits(handle, Bits.tiers, block.tiers);
    records.setBits(handle, Bits.visible, block.visible ? 1 : 0);
    records.setBits(handle, Bits.quality, block.quality);
  }

  #addChildren(handle: BlockHandle, count: number): void {
    this.#records.set(handle, Word.children, this.childrenOf(handle) + count);
  }

  #eligibilityChanged(handle: BlockHandle): void {
    for (const observer of this.#observers) observer.eligibilityChanged(handle);
  }

  readonly #isWanted = (slot: number): boolean =>
    this.#records.hasKey(slot, this.#wanted) && this.#records.getBits(slot, Bits.namespace) === this.#wantedNamespace;

  #hash(first: number, second: number): number {
    let h = Math.imul(first ^ this.#seed, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15) ^ second, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
    return (h ^ (h >>> 16)) >>> 0;
  }

  #takeSlot(): BlockHandle {
    if (this.#free > 0) {
      const handle = this.#free - 1;
      this.#free = this.#records.get(handle, Word.parent);
      return handle;
    }
    this.#records.reserve(this.#slots + 1);
    return this.#slots++;
  }

  #check(handle: BlockHandle): void {
    if (!this.holds(handle)) throw kvErrors.argument('handle', `${handle} names no block.`);
  }

  #checkNew(block: NewBlock): void {
    const range = (field: string, value: number, high: number): void => {
      if (Number.isInteger(value) && value >= 0 && value <= high) return;
      throw kvErrors.argument(field, `${field} is ${value}; it must be 0 to ${high}.`);
    };
    range('namespace', block.namespace, MAX_U16);
    range('deployEpoch', block.deployEpoch, MAX_U32);
    range('bytes', block.bytes, MAX_U32);
    range('tiers', block.tiers, 7);
    range('quality', block.quality - 1, 4);
    if (!(block.costMicros >= 0)) throw kvErrors.argument('costMicros', 'costMicros must be 0 or more.');
    if (block.parent === NO_BLOCK) return;
    this.#check(block.parent);
    if (this.namespaceOf(block.parent) !== block.namespace) {
      throw kvErrors.argument('parent', 'The parent belongs to another namespace.');
    }
  }
}
