const SHARD_BITS = 8;
const FIRST_SHARD_SLOTS = 16;

export interface SlotTableOptions {
  /** Slots are below this; the bits of an entry that it leaves are a tag. */
  readonly maxSlots: number;
  /** Where a stored slot's hash comes from when a table grows or closes a gap. */
  readonly hashOf: (slot: number) => number;
}

/**
 * Maps 32-bit hashes to slots: 256 open-addressing tables that grow one by one, so that no insertion pays for more than
 * a 256th of them and memory never doubles. Entries carry some bits of the hash, so that a search looks at few slots
 * besides its own. Equal hashes are told apart by the caller.
 */
export class SlotTable {
  /** Tag and `slot + 1`; 0 is free. */
  readonly #shards: Uint32Array[] = Array.from({ length: 1 << SHARD_BITS }, () => new Uint32Array(FIRST_SHARD_SLOTS));
  readonly #used = new Uint32Array(1 << SHARD_BITS);
  readonly #hashOf: (slot: number) => number;
  readonly #slotMask: number;

  constructor({ maxSlots, hashOf }: SlotTableOptions) {
    this.#hashOf = hashOf;
    this.#slotMask = (2 ** (32 - Math.clz32(maxSlots)) - 1) >>> 0;
  }

  get byteLength(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.byteLength, this.#used.byteLength);
  }

  /** The slot under this hash that `isIt` accepts, or -1. */
  find(hash: number, isIt: (slot: number) => boolean): number {
    const shard = this.#shardOf(hash);
    const mask = shard.length - 1;
    const tag = this.#tagOf(hash);
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = shard[at] as number;
      if (entry === 0) return -1;
      if ((entry & ~this.#slotMask) === tag && isIt(this.#slotOf(entry))) return this.#slotOf(entry);
    }
  }

  /** Adds a slot that is not there. */
  add(hash: number, slot: number): void {
    const number = hash >>> (32 - SHARD_BITS);
    const shard = this.#shardOf(hash);
    const used = (this.#used[number] as number) + 1;
    this.#used[number] = used;
    if (used * 4 <= shard.length * 3) place(shard, hash, this.#entry(hash, slot));
    else {
      const grown = new Uint32Array(shard.length * 2);
      for (const entry of shard) if (entry !== 0) place(grown, this.#hashOf(this.#slotOf(entry)), entry);
      place(grown, hash, this.#entry(hash, slot));
      this.#shards[number] = grown;
    }
  }

  /** Takes a slot out and moves later ones of its run up, so that no search stops too early. */
  delete(hash: number, slot: number): void {
    const number = hash >>> (32 - SHARD_BITS);
    const shard = this.#shardOf(hash);
    const mask = shard.length - 1;
    const wanted = this.#entry(hash, slot);
    let gap = hash & mask;
    while (shard[gap] !== wanted) {
      if (shard[gap] === 0) return;
      gap = (gap + 1) & mask;
    }
    for (let at = (gap + 1) & mask; shard[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashOf(this.#slotOf(shard[at] as number)) & mask;
      // It may move into the gap only if the gap is not before its home.
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        shard[gap] = shard[at] as number;
        gap = at;
      }
    }
    shard[gap] = 0;
    this.#used[number] = (this.#used[number] as number) - 1;
  }

  #shardOf(hash: number): Uint32Array {
    return this.#shards[hash >>> (32 - SHARD_BITS)] as Uint32Array;
  }

  #slotOf(entry: number): number {
    return ((entry & this.#slotMask) >>> 0) - 1;
  }

  /** Mixed once more: the hash's own bits say already which shard and which place. A signed number. */
  #tagOf(hash: number): number {
    return Math.imul(hash, 0x9e3779b1) & ~this.#slotMask;
  }

  #entry(hash: number, slot: number): number {
    return (this.#tagOf(hash) | (slot + 1)) >>> 0;
  }
}

function place(shard: Uint32Array, hash: number, entry: number): void {
  const mask = shard.length - 1;
  let at = hash & mask;
  while (shard[at] !== 0) at = (at + 1) & mask;
  shard[at] = entry;
}
