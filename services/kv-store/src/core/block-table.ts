import { KEY_BYTES, type QualityClass } from '@longhaul/kv-core';

const TIER_COUNT = 3;
const NONE = -1;

/** What the table keeps of a block besides its key and links. */
export interface BlockFacts {
  readonly namespace: number;
  readonly deployEpoch: number;
  readonly quality: QualityClass;
  readonly bytes: number;
  readonly recomputeMicros: number;
  readonly firstBlock: number;
  readonly blockTokens: number;
  readonly headBytes: number;
  readonly headCrc32c: number;
  /** Unix seconds; 0: never. */
  readonly expiresS: number;
}

/**
 * All blocks the store knows, as columns of numbers, about 110 bytes each. A slot stays while a block is in some tier,
 * a child names it as parent, or somebody holds it (lease, read, write); without tiers it is a placeholder that no
 * lookup sees. Slots are reused: whoever keeps one across an `await` holds it.
 */
export class BlockTable {
  readonly namespace: Uint16Array;
  readonly deployEpoch: Uint32Array;
  readonly quality: Uint8Array;
  readonly bytes: Uint32Array;
  readonly recomputeMicros: Uint32Array;
  readonly firstBlock: Uint32Array;
  readonly blockTokens: Uint32Array;
  readonly expiresS: Uint32Array;
  /** Length of everything before the first section. */
  readonly headBytes: Uint32Array;
  /** CRC32C of everything before the first section: the signature and padding have no checksum of their own. */
  readonly headCrc32c: Uint32Array;
  /** Bit per tier that has the block. */
  readonly tiers: Uint8Array;
  /** Hits, at most 255. */
  readonly hits: Uint8Array;
  readonly leases: Uint32Array;
  /** Reads and writes under way. */
  readonly holds: Uint32Array;
  private readonly keys: Uint8Array;
  private readonly parents: Int32Array;
  private readonly links: Uint32Array;
  /** Children that are in the tier, by `slot * 3 + tier`. */
  private readonly tierChildren: Uint32Array;
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private free = NONE;
  private unused = 0;
  private used = 0;

  /** @param seed makes the places of keys unpredictable to whoever chooses keys. */
  constructor(
    readonly capacity: number,
    private readonly seed: number,
  ) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.namespace = new Uint16Array(capacity);
    this.deployEpoch = new Uint32Array(capacity);
    this.quality = new Uint8Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.recomputeMicros = new Uint32Array(capacity);
    this.firstBlock = new Uint32Array(capacity);
    this.blockTokens = new Uint32Array(capacity);
    this.expiresS = new Uint32Array(capacity);
    this.headBytes = new Uint32Array(capacity);
    this.headCrc32c = new Uint32Array(capacity);
    this.tiers = new Uint8Array(capacity);
    this.hits = new Uint8Array(capacity);
    this.leases = new Uint32Array(capacity);
    this.holds = new Uint32Array(capacity);
    this.keys = new Uint8Array(capacity * KEY_BYTES);
    this.parents = new Int32Array(capacity);
    this.links = new Uint32Array(capacity);
    this.tierChildren = new Uint32Array(capacity * TIER_COUNT);
    this.heads = new Int32Array(buckets).fill(NONE);
    this.next = new Int32Array(capacity);
  }

  /** Slots in use, placeholders included. */
  get size(): number {
    return this.used;
  }

  /** One past the highest slot ever used. */
  get end(): number {
    return this.unused;
  }

  /** Slot of a key, or -1. */
  find(key: Uint8Array): number {
    for (let slot = this.heads[this.bucket(key)] ?? NONE; slot !== NONE; slot = this.next[slot] ?? NONE) {
      if (this.hasKey(slot, key)) return slot;
    }
    return NONE;
  }

  /** Slot of a key, a placeholder when it is new, or -1 when the table is full. */
  ensure(key: Uint8Array): number {
    const found = this.find(key);
    if (found !== NONE) return found;
    const slot = this.take();
    if (slot === NONE) return NONE;
    const bucket = this.bucket(key);
    this.keys.set(key, slot * KEY_BYTES);
    this.next[slot] = this.heads[bucket] ?? NONE;
    this.heads[bucket] = slot;
    this.parents[slot] = NONE;
    this.used += 1;
    return slot;
  }

  describe(slot: number, facts: BlockFacts): void {
    this.namespace[slot] = facts.namespace;
    this.deployEpoch[slot] = facts.deployEpoch;
    this.quality[slot] = facts.quality;
    this.bytes[slot] = facts.bytes;
    this.recomputeMicros[slot] = facts.recomputeMicros;
    this.firstBlock[slot] = facts.firstBlock;
    this.blockTokens[slot] = facts.blockTokens;
    this.headBytes[slot] = facts.headBytes;
    this.headCrc32c[slot] = facts.headCrc32c;
    this.expiresS[slot] = facts.expiresS;
    this.hits[slot] = 0;
  }

  /** The block's own copy of its key: a view, valid while the slot is. */
  keyOf(slot: number): Uint8Array {
    return this.keys.subarray(slot * KEY_BYTES, (slot + 1) * KEY_BYTES);
  }

  /** Slot of the parent, or -1 where none was linked. */
  parentOf(slot: number): number {
    return this.parents[slot] ?? NONE;
  }

  /**
   * Names the parent; it gets a placeholder where it is not known. The first parent stays.
   *
   * @returns false when the table is full, or the parent descends from the block (its leaves could never be evicted).
   */
  link(slot: number, parentKey: Uint8Array): boolean {
    if (this.parentOf(slot) !== NONE) return true;
    const parent = this.ensure(parentKey);
    if (parent === NONE) return false;
    if (this.descends(parent, slot)) return false;
    this.parents[slot] = parent;
    this.links[parent] = (this.links[parent] ?? 0) + 1;
    return true;
  }

  setTier(slot: number, tier: number, present: boolean): void {
    const bit = 1 << tier;
    const old = this.tiers[slot] ?? 0;
    if (((old & bit) !== 0) === present) return;
    this.tiers[slot] = old ^ bit;
    const parent = this.parentOf(slot);
    if (parent === NONE) return;
    const at = parent * TIER_COUNT + tier;
    this.tierChildren[at] = (this.tierChildren[at] ?? 0) + (present ? 1 : -1);
  }

  inTier(slot: number, tier: number): boolean {
    return ((this.tiers[slot] ?? 0) & (1 << tier)) !== 0;
  }

  /** No child of the block is in the tier. */
  isLeaf(slot: number, tier: number): boolean {
    return (this.tierChildren[slot * TIER_COUNT + tier] ?? 0) === 0;
  }

  hold(slot: number, by: 1 | -1): void {
    this.holds[slot] = (this.holds[slot] ?? 0) + by;
    if (by < 0) this.collect(slot);
  }

  lease(slot: number, by: 1 | -1): void {
    this.leases[slot] = (this.leases[slot] ?? 0) + by;
    if (by < 0) this.collect(slot);
  }

  /** Frees the slot, and its parents' placeholders, where nothing needs them. */
  collect(slot: number): void {
    let at = slot;
    while (at !== NONE && !this.needed(at)) {
      const parent = this.parentOf(at);
      this.release(at);
      if (parent === NONE) return;
      this.links[parent] = (this.links[parent] ?? 1) - 1;
      at = parent;
    }
  }

  private descends(slot: number, ancestor: number): boolean {
    if (slot === ancestor) return true;
    if ((this.links[ancestor] ?? 0) === 0) return false;
    for (let at = slot; at !== NONE; at = this.parentOf(at)) if (at === ancestor) return true;
    return false;
  }

  private needed(slot: number): boolean {
    const used = (this.tiers[slot] ?? 0) | (this.leases[slot] ?? 0) | (this.holds[slot] ?? 0);
    return used !== 0 || (this.links[slot] ?? 0) !== 0;
  }

  private release(slot: number): void {
    const bucket = this.bucket(this.keyOf(slot));
    let at = this.heads[bucket] ?? NONE;
    if (at === slot) this.heads[bucket] = this.next[slot] ?? NONE;
    else {
      while ((this.next[at] ?? NONE) !== slot) at = this.next[at] ?? NONE;
      this.next[at] = this.next[slot] ?? NONE;
    }
    this.next[slot] = this.free;
    this.free = slot;
    this.used -= 1;
  }

  private take(): number {
    if (this.free !== NONE) {
      const slot = this.free;
      this.free = this.next[slot] ?? NONE;
      return slot;
    }
    if (this.unused === this.capacity) return NONE;
    this.unused += 1;
    return this.unused - 1;
  }

  private bucket(key: Uint8Array): number {
    const mixed = Math.imul(word(key, 0) ^ this.seed, 0x9e3779b1) ^ Math.imul(word(key, 4) + this.seed, 0x85ebca6b);
    return ((mixed ^ (mixed >>> 15)) >>> 0) & (this.heads.length - 1);
  }

  private hasKey(slot: number, key: Uint8Array): boolean {
    const at = slot * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) if (this.keys[at + i] !== key[i]) return false;
    return true;
  }
}

function word(key: Uint8Array, at: number): number {
  return (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8) | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24);
}
