const CHUNK_BITS = 14;
const CHUNK_SLOTS = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_SLOTS - 1;

/** 64 bytes, one line of a processor's cache: a lookup reads one line per block beside the hash table. */
const RECORD_WORDS = 16;
const KEY_WORDS = 8;

/** The words of a record behind the key. */
export const Word = {
  /** `handle + 1`, 0: none. Of a free slot: the next free one, in the same way. */
  parent: 8,
  children: 9,
  /** Number of the block in its chain. */
  depth: 10,
  bytes: 11,
  costMicros: 12,
  deployEpoch: 13,
  /** Holds the fields of `Bits` that name it. */
  uses: 14,
  state: 15,
} as const;

/** A field that shares a word: the word, its lowest bit, its width as a mask. */
export interface BitField {
  readonly word: number;
  readonly shift: number;
  readonly mask: number;
}

export const Bits = {
  frequency: { word: Word.uses, shift: 0, mask: 0xffff },
  leases: { word: Word.uses, shift: 16, mask: 0xffff },
  namespace: { word: Word.state, shift: 16, mask: 0xffff },
  tiers: { word: Word.state, shift: 6, mask: 7 },
  pin: { word: Word.state, shift: 4, mask: 3 },
  visible: { word: Word.state, shift: 3, mask: 1 },
  /** 0: the slot is free. */
  quality: { word: Word.state, shift: 0, mask: 7 },
} as const;

/** A key as eight 32-bit words, the form in which keys are kept and compared. */
export function loadKey(bytes: Uint8Array, words: Uint32Array): void {
  for (let w = 0, at = 0; w < KEY_WORDS; w++, at += 4) {
    words[w] =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
  }
}

/** One record per slot, in pieces of 1 MiB: they grow without moving what is there. New records are zero. */
export class BlockRecords {
  readonly #chunks: Uint32Array[] = [];

  get byteLength(): number {
    return this.#chunks.length * CHUNK_SLOTS * RECORD_WORDS * 4;
  }

  /** Makes room for slots 0 to `slots - 1`. */
  reserve(slots: number): void {
    while (this.#chunks.length * CHUNK_SLOTS < slots) this.#chunks.push(new Uint32Array(CHUNK_SLOTS * RECORD_WORDS));
  }

  get(slot: number, word: number): number {
    return this.#chunk(slot)[(slot & IN_CHUNK) * RECORD_WORDS + word] as number;
  }

  set(slot: number, word: number, value: number): void {
    this.#chunk(slot)[(slot & IN_CHUNK) * RECORD_WORDS + word] = value;
  }

  getBits(slot: number, field: BitField): number {
    return (this.get(slot, field.word) >>> field.shift) & field.mask;
  }

  setBits(slot: number, field: BitField, value: number): void {
    const others = this.get(slot, field.word) & ~(field.mask << field.shift);
    this.set(slot, field.word, others | (value << field.shift));
  }

  /** Writes the key and zeroes the rest. */
  begin(slot: number, key: Uint32Array): void {
    const at = (slot & IN_CHUNK) * RECORD_WORDS;
    const chunk = this.#chunk(slot);
    chunk.set(key, at);
    chunk.fill(0, at + KEY_WORDS, at + RECORD_WORDS);
  }

  hasKey(slot: number, key: Uint32Array): boolean {
    const chunk = this.#chunk(slot);
    const at = (slot & IN_CHUNK) * RECORD_WORDS;
    for (let w = 0; w < KEY_WORDS; w++) if (chunk[at + w] !== key[w]) return false;
    return true;
  }

  /** A copy of the key, 32 bytes. */
  readKey(slot: number): Uint8Array {
    const at = (slot & IN_CHUNK) * RECORD_WORDS;
    return new Uint8Array(this.#chunk(slot).slice(at, at + KEY_WORDS).buffer);
  }

  #chunk(slot: number): Uint32Array {
    return this.#chunks[slot >>> CHUNK_BITS] as Uint32Array;
  }
}
