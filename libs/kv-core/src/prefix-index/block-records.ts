const CHUNK_BITS = 14;
const CHUNK_SLOTS = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_SLOTS - 1;

/** 72 bytes. */
const RECORD_WORDS = 18;
const KEY_WORDS = 8;

/** The words of a record behind the key. */
export const Word = {
  /** `handle + 1`, 0: none. Of a free slot: the next free one, in the same way. */
  parent: 8,
  recomputeMicros: 9,
  firstBlock: 10,
  headCrc32c: 11,
  expiresS: 12,
  deployEpoch: 13,
  /** The words below hold the fields of `Bits` and `Counts` that name them. */
  size: 14,
  space: 15,
  children: 16,
  uses: 17,
} as const;

/** A field that shares a word: the word, its lowest bit, its width as a mask. */
export interface BitField {
  readonly word: number;
  readonly shift: number;
  readonly mask: number;
}

export const Bits = {
  /** In units of 4096 bytes. */
  objectPages: { word: Word.size, shift: 0, mask: 0xfffff },
  headPages: { word: Word.size, shift: 20, mask: 0xfff },
  namespace: { word: Word.space, shift: 0, mask: 0xffff },
  /** Less one. */
  blockTokens: { word: Word.space, shift: 16, mask: 0xffff },
  hits: { word: Word.uses, shift: 16, mask: 0xff },
  /** Bit per tier that has the block. */
  tiers: { word: Word.uses, shift: 24, mask: 7 },
  quality: { word: Word.uses, shift: 27, mask: 7 },
} as const;

/** Counts that are small for nearly all blocks: 8 bits each; the value 255 says that the count is kept elsewhere. */
export const Counts = {
  /** Blocks that name this one as parent. */
  links: { word: Word.children, shift: 0, mask: 0xff },
  /** Those of them in a tier, by tier number. */
  inTier: [
    { word: Word.children, shift: 8, mask: 0xff },
    { word: Word.children, shift: 16, mask: 0xff },
    { word: Word.children, shift: 24, mask: 0xff },
  ],
  leases: { word: Word.uses, shift: 0, mask: 0xff },
  holds: { word: Word.uses, shift: 8, mask: 0xff },
} as const;

const ELSEWHERE = 0xff;

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

/** One record per slot, in pieces of about 1 MiB: they grow without moving what is there. New records are zero. */
export class BlockRecords {
  readonly #chunks: Uint32Array[] = [];
  /** Counts of 255 and more, by slot and field. */
  readonly #large = new Map<number, number>();

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

  /** Value of a field of `Counts`. */
  count(slot: number, field: BitField): number {
    const small = this.getBits(slot, field);
    return small === ELSEWHERE ? (this.#large.get(largeName(slot, field)) as number) : small;
  }

  /** Moves a field of `Counts`; it must not fall below 0. */
  add(slot: number, field: BitField, by: number): void {
    const count = this.count(slot, field) + by;
    if (count >= ELSEWHERE) this.#large.set(largeName(slot, field), count);
    else if (count === ELSEWHERE - 1) this.#large.delete(largeName(slot, field));
    this.setBits(slot, field, Math.min(count, ELSEWHERE));
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
    const key = new Uint8Array(4 * KEY_WORDS);
    const at = (slot & IN_CHUNK) * RECORD_WORDS * 4;
    const { buffer, byteOffset } = this.#chunk(slot);
    key.set(new Uint8Array(buffer, byteOffset + at, key.length));
    return key;
  }

  #chunk(slot: number): Uint32Array {
    return this.#chunks[slot >>> CHUNK_BITS] as Uint32Array;
  }
}

/** Word and shift of a count fit in 10 bits. */
function largeName(slot: number, { word, shift }: BitField): number {
  return slot * 1024 + word * 32 + shift;
}
