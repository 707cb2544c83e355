const SHARD_BITS = 8;
const FIRST_SHARD_SLOTS = 16;

/** Where a stored slot's hash comes from when a table grows or closes a gap. */
export type HashOf = (slot: number) => number;

/**
 * Maps 32-bit hashes to slots: 256 open-addressing tables that grow one by one, so that no insertion pays for more than
 * a 256th of them and memory never doubles. Equal hashes are told apart by the caller.
 */
export class SlotTable {
  /** `slot + 1`; 0 is free. */
  readonly #shards: Uint32Array[] = Array.from({ length: 1 << SHARD_BITS }, () => new Uint32Array(FIRST_SHARD_SLOTS));
  readonly #used = new Uint32Array(1 << SHARD_BITS);
  readonly #hashOf: HashOf;

  constructor(hashOf: HashOf) {
    this.#hashOf = hashOf;
  }

  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.byteLength, this.#used.byteLength);
  }

  /** The slot under this hash that `isIt` accepts, or -1. */
  find(hash: number, isIt: (slot: number) => boolean): number {
    const shard = this.#shardOf(hash);
    const mask = shard.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = shard[at] as number;
      if (entry === 0) return -1;
      if (isIt(entry - 1)) return entry - 1;
    }
  }

  /** Adds a slot that is not there. */
  add(hash: number, slot: number): void {
    const number = hash >>> (32 - SHARD_BITS);
    const shard = this.#shardOf(hash);
    const used = (this.#used[number] as number) + 1;
    this.#used[number] = used;
    if (used * 4 <= shard.length * 3) place(shard, hash, slot);
    else {
      const grown = new Uint32Array(shard.length * 2);
      for (const entry of shard) if (entry !== 0) place(grown, this.#hashOf(entry - 1), entry - 1);
      place(grown, hash, slot);
      this.#shards[number] = grown;
    }
  }

  /** Takes a slot out and moves later ones of its run up, so that no search stops too early. */
  delete(hash: number, slot: number): void {
    const number = hash >>> (32 - SHARD_BITS);
    const shard = this.#shardOf(hash);
    const mask = shard.length - 1;
    let gap = hash & mask;
    while (shard[gap] !== slot + 1) {
      if (shard[gap] === 0) return;
      gap = (gap + 1) & mask;
    }
    for (let at = (gap + 1) & mask; shard[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashOf((shard[at] as number) - 1) & mask;
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
}

function place(shard: Uint32Array, hash: number, slot: number): void {
  const mask = shard.length - 1;
  let at = hash & mask;
  while (shard[at] !== 0) at = (at + 1) & mask;
  shard[at] = slot + 1;
}
