import { kvErrors } from '../errors.js';
import { checkBytes } from '../keys/key-bytes.js';
import { MAX_BLOCK_TOKENS, MAX_OBJECT_BYTES } from '../limits.js';
import type { QualityClass } from '../quality.js';
import { TIERS } from '../tier.js';
import { Bits, BlockRecords, Counts, loadKey, Word } from './block-records.js';
import { type BlockFacts, type BlockHandle, NO_BLOCK } from './block-record.js';
import { SlotTable } from './slot-table.js';

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffffffff;
const PAGE_BYTES = 4096;
const MAX_HITS = 255;

export interface PrefixIndexOptions {
  /** Most blocks that are known, placeholders included. */
  readonly maxBlocks: number;
  /** Makes the places of keys unpredictable to whoever chooses keys: 32 random bits. */
  readonly seed: number;
}

/**
 * All blocks that a store knows, by key, with their place in the tree of prefixes and the tiers that have them. Lives
 * in typed arrays that grow in pieces: 72 bytes per block and 5 to 11 for the hash table, no object per block.
 *
 * A block is known while it is in some tier, a child names it as parent, or somebody holds it (lease, read, write).
 * Without tiers it is a placeholder that no lookup sees. Handles are reused: whoever keeps one across an `await` holds
 * the block. Lookups compare whole keys; the hash only finds candidates. Tiers are numbered as in `TIERS`.
 *
 * One owner; not safe for concurrent use by threads. Handles are not checked.
 */
export class PrefixIndex {
  readonly maxBlocks: number;
  readonly #seed: number;
  readonly #records = new BlockRecords();
  readonly #table: SlotTable;
  readonly #wanted = new Uint32Array(8);
  #size = 0;
  /** Slots ever used; those given back are chained from `#free`. */
  #slots = 0;
  #free = 0;

  constructor(options: PrefixIndexOptions) {
    this.maxBlocks = options.maxBlocks;
    this.#seed = options.seed;
    const hashOf = (slot: number) => this.#hash(this.#records.get(slot, 0), this.#records.get(slot, 1));
    this.#table = new SlotTable({ maxSlots: options.maxBlocks, hashOf });
  }

  /** Blocks known, placeholders included. */
  get size(): number {
    return this.#size;
  }

  /** Memory of the arrays. */
  get byteLength(): number {
    return this.#records.byteLength + this.#table.byteLength;
  }

  /** Every handle given out so far is below this. A handle below it that names no block is in no tier. */
  get handleLimit(): number {
    return this.#slots;
  }

  /** The block of this key, placeholder or not, or `NO_BLOCK`. */
  find(key: Uint8Array): BlockHandle {
    this.#load(key);
    return this.#findLoaded();
  }

  /** The block of this key, a placeholder when it is new, or `NO_BLOCK` when the index is full. */
  ensure(key: Uint8Array): BlockHandle {
    const found = this.find(key);
    if (found !== NO_BLOCK || this.#size >= this.maxBlocks) return found;
    const handle = this.#takeSlot();
    this.#records.begin(handle, this.#wanted);
    this.#table.add(this.#wantedHash(), handle);
    this.#size++;
    return handle;
  }

  /**
   * The longest run of blocks from the first key on, each the child of the one before, that `accept` takes. O(keys
   * found).
   */
  longestPrefix(keys: readonly Uint8Array[], accept: (block: BlockHandle) => boolean): BlockHandle[] {
    const found: BlockHandle[] = [];
    let previous = NO_BLOCK;
    for (const key of keys) {
      this.#load(key);
      const handle = this.#isNext(previous) ? previous + 1 : this.#findLoaded();
      if (handle === NO_BLOCK || !accept(handle)) break;
      if (previous !== NO_BLOCK && this.parentOf(handle) !== previous) break;
      found.push(handle);
      previous = handle;
    }
    return found;
  }

  /**
   * States what the block is; its hits start at 0.
   *
   * @throws AppError `INVALID_ARGUMENT` by field for what is out of range; nothing has changed then.
   */
  describe(handle: BlockHandle, facts: BlockFacts): void {
    checkFacts(facts);
    const records = this.#records;
    records.set(handle, Word.recomputeMicros, facts.recomputeMicros);
    records.set(handle, Word.firstBlock, facts.firstBlock);
    records.set(handle, Word.headCrc32c, facts.headCrc32c);
    records.set(handle, Word.expiresS, facts.expiresS);
    records.set(handle, Word.deployEpoch, facts.deployEpoch);
    records.setBits(handle, Bits.objectPages, facts.bytes / PAGE_BYTES);
    records.setBits(handle, Bits.headPages, facts.headBytes / PAGE_BYTES);
    records.setBits(handle, Bits.namespace, facts.namespace);
    records.setBits(handle, Bits.blockTokens, facts.blockTokens - 1);
    records.setBits(handle, Bits.quality, facts.quality);
    records.setBits(handle, Bits.hits, 0);
  }

  /**
   * Names the parent; it gets a placeholder where it is not known. The first parent stays.
   *
   * @returns false when the index is full, or the parent descends from the block (its leaves could never be evicted).
   */
  link(handle: BlockHandle, parentKey: Uint8Array): boolean {
    if (this.parentOf(handle) !== NO_BLOCK) return true;
    const parent = this.ensure(parentKey);
    if (parent === NO_BLOCK || this.#descends(parent, handle)) return false;
    this.#records.set(handle, Word.parent, parent + 1);
    this.#records.add(parent, Counts.links, 1);
    return true;
  }

  /** A copy. */
  keyOf(handle: BlockHandle): Uint8Array {
    return this.#records.readKey(handle);
  }

  /** The parent, or `NO_BLOCK` where none was linked. */
  parentOf(handle: BlockHandle): BlockHandle {
    return this.#records.get(handle, Word.parent) - 1;
  }

  namespaceOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.namespace);
  }

  deployEpochOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.deployEpoch);
  }

  /** Of a block that was described. */
  qualityOf(handle: BlockHandle): QualityClass {
    return this.#records.getBits(handle, Bits.quality) as QualityClass;
  }

  bytesOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.objectPages) * PAGE_BYTES;
  }

  recomputeMicrosOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.recomputeMicros);
  }

  firstBlockOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.firstBlock);
  }

  blockTokensOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.blockTokens) + 1;
  }

  headBytesOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.headPages) * PAGE_BYTES;
  }

  headCrc32cOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.headCrc32c);
  }

  expiresSOf(handle: BlockHandle): number {
    return this.#records.get(handle, Word.expiresS);
  }

  /** Bit per tier that has the block; 0 for a placeholder and for `NO_BLOCK`. */
  tiersOf(handle: BlockHandle): number {
    return handle === NO_BLOCK ? 0 : this.#records.getBits(handle, Bits.tiers);
  }

  inTier(handle: BlockHandle, tier: number): boolean {
    return (this.tiersOf(handle) & (1 << tier)) !== 0;
  }

  setTier(handle: BlockHandle, tier: number, present: boolean): void {
    if (this.inTier(handle, tier) === present) return;
    this.#records.setBits(handle, Bits.tiers, this.tiersOf(handle) ^ (1 << tier));
    const parent = this.parentOf(handle);
    if (parent !== NO_BLOCK) this.#records.add(parent, inTierCount(tier), present ? 1 : -1);
  }

  /** No child of the block is in the tier. */
  isLeaf(handle: BlockHandle, tier: number): boolean {
    return this.#records.count(handle, inTierCount(tier)) === 0;
  }

  /** Uses since it was described, counted up to 255. */
  hitsOf(handle: BlockHandle): number {
    return this.#records.getBits(handle, Bits.hits);
  }

  countHit(handle: BlockHandle): void {
    this.#records.setBits(handle, Bits.hits, Math.min(MAX_HITS, this.hitsOf(handle) + 1));
  }

  leasesOf(handle: BlockHandle): number {
    return this.#records.count(handle, Counts.leases);
  }

  /** A lease began (1) or ended (-1: the handle may be free then). */
  lease(handle: BlockHandle, by: 1 | -1): void {
    this.#records.add(handle, Counts.leases, by);
    if (by < 0) this.collect(handle);
  }

  /** Reads and writes under way. */
  holdsOf(handle: BlockHandle): number {
    return this.#records.count(handle, Counts.holds);
  }

  /** A read or write began (1) or ended (-1: the handle may be free then). */
  hold(handle: BlockHandle, by: 1 | -1): void {
    this.#records.add(handle, Counts.holds, by);
    if (by < 0) this.collect(handle);
  }

  /** Forgets the block, and placeholders among its ancestors, where nothing needs them. */
  collect(handle: BlockHandle): void {
    let at = handle;
    while (at !== NO_BLOCK && !this.#needed(at)) {
      const parent = this.parentOf(at);
      this.#giveSlot(at);
      if (parent === NO_BLOCK) return;
      this.#records.add(parent, Counts.links, -1);
      at = parent;
    }
  }

  #descends(handle: BlockHandle, ancestor: BlockHandle): boolean {
    if (handle === ancestor) return true;
    if (this.#records.count(ancestor, Counts.links) === 0) return false;
    for (let at = handle; at !== NO_BLOCK; at = this.parentOf(at)) if (at === ancestor) return true;
    return false;
  }

  #needed(handle: BlockHandle): boolean {
    const used = this.tiersOf(handle) | this.leasesOf(handle) | this.holdsOf(handle);
    return used !== 0 || this.#records.count(handle, Counts.links) !== 0;
  }

  #load(key: Uint8Array): void {
    checkBytes('key', key);
    loadKey(key, this.#wanted);
  }

  #findLoaded(): BlockHandle {
    return this.#table.find(this.#wantedHash(), this.#isWanted);
  }

  /** Blocks of a chain mostly came one after the other: then the next one is at hand. A free slot is in no tier. */
  #isNext(previous: BlockHandle): boolean {
    const next = previous + 1;
    return previous !== NO_BLOCK && next < this.#slots && this.tiersOf(next) !== 0 && this.#isWanted(next);
  }

  readonly #isWanted = (slot: number): boolean => this.#records.hasKey(slot, this.#wanted);

  #wantedHash(): number {
    return this.#hash(this.#wanted[0] as number, this.#wanted[1] as number);
  }

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

  #giveSlot(handle: BlockHandle): void {
    const records = this.#records;
    this.#table.delete(this.#hash(records.get(handle, 0), records.get(handle, 1)), handle);
    records.set(handle, Word.parent, this.#free);
    this.#free = handle + 1;
    this.#size--;
  }
}

function inTierCount(tier: number): (typeof Counts.inTier)[number] {
  const field = Counts.inTier[tier];
  if (!field) throw kvErrors.argument('tier', `tier is ${tier}; it must be 0 to ${TIERS.length - 1}.`);
  return field;
}

function checkFacts(facts: BlockFacts): void {
  const range = (field: keyof BlockFacts, low: number, high: number): void => {
    const value = facts[field];
    if (Number.isInteger(value) && value >= low && value <= high) return;
    throw kvErrors.argument(field, `${field} is ${value}; it must be a whole number from ${low} to ${high}.`);
  };
  const pages = (field: 'bytes' | 'headBytes'): void => {
    if (facts[field] % PAGE_BYTES === 0) return;
    throw kvErrors.argument(field, `${field} is ${facts[field]}; it must be a multiple of ${PAGE_BYTES}.`);
  };
  range('namespace', 0, MAX_U16);
  range('quality', 1, 5);
  range('bytes', 0, MAX_OBJECT_BYTES);
  range('headBytes', 0, Bits.headPages.mask * PAGE_BYTES);
  range('blockTokens', 1, MAX_BLOCK_TOKENS);
  for (const field of ['deployEpoch', 'recomputeMicros', 'firstBlock', 'headCrc32c', 'expiresS'] as const) {
    range(field, 0, MAX_U32);
  }
  pages('bytes');
  pages('headBytes');
}
