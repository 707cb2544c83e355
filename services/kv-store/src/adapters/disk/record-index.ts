import { KEY_BYTES } from '@longhaul/kv-core';

/** Where a record is. */
export interface Place {
  readonly segment: number;
  /** Offset in the segment, in blocks of 4096 bytes. */
  readonly block: number;
  readonly payloadBytes: number;
  readonly lsn: number;
  /** Unix seconds; 0: none. */
  readonly expiresS: number;
}

const FIRST_SLOTS = 1024;

function grown<T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * Keys to places, in typed arrays: 32 bytes an object besides its key (24 for the place, 8 for the table at half load),
 * twice that at worst right after it has grown. Not for use across an `await` by slot: slots move hands.
 */
export class RecordIndex {
  /** Slot + 1 by hash; 0 is empty. Open addressing, at most half full. */
  #table = new Int32Array(FIRST_SLOTS * 2);
  #keys = new Uint8Array(FIRST_SLOTS * KEY_BYTES);
  #segments = new Uint32Array(FIRST_SLOTS);
  #blocks = new Uint32Array(FIRST_SLOTS);
  #lengths = new Uint32Array(FIRST_SLOTS);
  #expiries = new Uint32Array(FIRST_SLOTS);
  /** 0: the slot is free. */
  #lsns = new Float64Array(FIRST_SLOTS);
  readonly #free: number[] = [];
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Slots are numbered from 0 to here; some are free. */
  get slots(): number {
    return this.#used;
  }

  get bytesOfMemory(): number {
    const arrays = [this.#table, this.#keys, this.#segments, this.#blocks, this.#lengths, this.#expiries];
    return arrays.reduce((sum, array) => sum + array.byteLength, this.#lsns.byteLength);
  }

  get(key: Uint8Array): Place | undefined {
    const slot = (this.#table[this.#find(key)] ?? 0) - 1;
    return slot < 0 ? undefined : this.#placeAt(slot);
  }

  has(key: Uint8Array): boolean {
    return this.#table[this.#find(key)] !== 0;
  }

  /** Undefined where the slot is free. */
  at(slot: number): { key: Uint8Array; place: Place } | undefined {
    if (slot >= this.#used || this.#lsns[slot] === 0) return undefined;
    return { key: this.#keys.slice(slot * KEY_BYTES, (slot + 1) * KEY_BYTES), place: this.#placeAt(slot) };
  }

  set(key: Uint8Array, place: Place): void {
    const at = this.#find(key);
    let slot = (this.#table[at] ?? 0) - 1;
    if (slot < 0) {
      slot = this.#newSlot();
      this.#keys.set(key, slot * KEY_BYTES);
      // Growing rebuilds the table: look again.
      this.#table[this.#find(key)] = slot + 1;
      this.#size++;
    }
    this.#segments[slot] = place.segment;
    this.#blocks[slot] = place.block;
    this.#lengths[slot] = place.payloadBytes;
    this.#expiries[slot] = place.expiresS;
    this.#lsns[slot] = place.lsn;
  }

  /** The place it had, or undefined. */
  delete(key: Uint8Array): Place | undefined {
    const at = this.#find(key);
    const slot = (this.#table[at] ?? 0) - 1;
    if (slot < 0) return undefined;
    const place = this.#placeAt(slot);
    this.#close(at);
    this.#lsns[slot] = 0;
    this.#free.push(slot);
    this.#size--;
    return place;
  }

  /** Every key and place, in no order. Changes while it runs may or may not be seen. */
  *entries(): Generator<{ key: Uint8Array; place: Place }> {
    for (let slot = 0; slot < this.#used; slot++) {
      const entry = this.at(slot);
      if (entry) yield entry;
    }
  }

  #placeAt(slot: number): Place {
    return {
      segment: this.#segments[slot] ?? 0,
      block: this.#blocks[slot] ?? 0,
      payloadBytes: this.#lengths[slot] ?? 0,
      lsn: this.#lsns[slot] ?? 0,
      expiresS: this.#expiries[slot] ?? 0,
    };
  }

  #newSlot(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.#lsns.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const slots = this.#lsns.length * 2;
    this.#keys = grown(this.#keys, new Uint8Array(slots * KEY_BYTES));
    this.#segments = grown(this.#segments, new Uint32Array(slots));
    this.#blocks = grown(this.#blocks, new Uint32Array(slots));
    this.#lengths = grown(this.#lengths, new Uint32Array(slots));
    this.#expiries = grown(this.#expiries, new Uint32Array(slots));
    this.#lsns = grown(this.#lsns, new Float64Array(slots));
    this.#table = new Int32Array(slots * 2);
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#lsns[slot] !== 0) this.#table[this.#find(this.#keys, slot * KEY_BYTES)] = slot + 1;
    }
  }

  /** Position of the key in the table, or of the empty place where it belongs. */
  #find(key: Uint8Array, at = 0): number {
    const mask = this.#table.length - 1;
    let position = this.#hash(key, at) & mask;
    for (;;) {
      const slot = (this.#table[position] ?? 0) - 1;
      if (slot < 0 || this.#equals(slot, key, at)) return position;
      position = (position + 1) & mask;
    }
  }

  /** Keys are digests: their bytes are spread already. */
  #hash(key: Uint8Array, at: number): number {
    let hash = 0;
    for (let i = 0; i < 8; i++) hash = Math.imul(hash ^ (key[at + i] ?? 0), 0x01000193);
    for (let i = 24; i < KEY_BYTES; i++) hash = Math.imul(hash ^ (key[at + i] ?? 0), 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #equals(slot: number, key: Uint8Array, at: number): boolean {
    const base = slot * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) if (this.#keys[base + i] !== key[at + i]) return false;
    return true;
  }

  /** Empties a table position and moves up those behind it that it kept from their own place. */
  #close(hole: number): void {
    const mask = this.#table.length - 1;
    let empty = hole;
    for (let position = (hole + 1) & mask; ; position = (position + 1) & mask) {
      const slot = (this.#table[position] ?? 0) - 1;
      if (slot < 0) break;
      const home = this.#hash(this.#keys, slot * KEY_BYTES) & mask;
      if (((position - home) & mask) < ((position - empty) & mask)) continue;
      this.#table[empty] = slot + 1;
      empty = position;
    }
    this.#table[empty] = 0;
  }
}
