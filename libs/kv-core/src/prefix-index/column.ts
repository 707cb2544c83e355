const CHUNK_BITS = 16;

/** Slots that a column grows by. */
export const CHUNK_SLOTS = 1 << CHUNK_BITS;

const IN_CHUNK = CHUNK_SLOTS - 1;

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** One number per slot, in pieces: it grows without moving what is there. New slots are 0. */
export class Column {
  readonly #make: (slots: number) => Numbers;
  readonly #chunks: Numbers[] = [];

  constructor(make: (slots: number) => Numbers) {
    this.#make = make;
  }

  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  /** Makes room for slots 0 to `slots - 1`. */
  reserve(slots: number): void {
    while (this.#chunks.length * CHUNK_SLOTS < slots) this.#chunks.push(this.#make(CHUNK_SLOTS));
  }

  get(slot: number): number {
    return (this.#chunks[slot >>> CHUNK_BITS] as Numbers)[slot & IN_CHUNK] as number;
  }

  set(slot: number, value: number): void {
    (this.#chunks[slot >>> CHUNK_BITS] as Numbers)[slot & IN_CHUNK] = value;
  }
}

export const u8Column = (): Column => new Column((slots) => new Uint8Array(slots));
export const u16Column = (): Column => new Column((slots) => new Uint16Array(slots));
export const u32Column = (): Column => new Column((slots) => new Uint32Array(slots));
export const f64Column = (): Column => new Column((slots) => new Float64Array(slots));

const KEY_WORDS = 8;

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

/** One 32-byte key per slot, in pieces. */
export class KeyColumn {
  readonly #chunks: Uint32Array[] = [];

  get bytes(): number {
    return this.#chunks.length * CHUNK_SLOTS * KEY_WORDS * 4;
  }

  reserve(slots: number): void {
    while (this.#chunks.length * CHUNK_SLOTS < slots) this.#chunks.push(new Uint32Array(CHUNK_SLOTS * KEY_WORDS));
  }

  write(slot: number, words: Uint32Array): void {
    this.#chunk(slot).set(words, (slot & IN_CHUNK) * KEY_WORDS);
  }

  /** Word `w` of the key. */
  word(slot: number, w: number): number {
    return this.#chunk(slot)[(slot & IN_CHUNK) * KEY_WORDS + w] as number;
  }

  equals(slot: number, words: Uint32Array): boolean {
    const chunk = this.#chunk(slot);
    const at = (slot & IN_CHUNK) * KEY_WORDS;
    for (let w = 0; w < KEY_WORDS; w++) if (chunk[at + w] !== words[w]) return false;
    return true;
  }

  /** A copy of the key, 32 bytes. */
  read(slot: number): Uint8Array {
    const at = (slot & IN_CHUNK) * KEY_WORDS;
    return new Uint8Array(this.#chunk(slot).slice(at, at + KEY_WORDS).buffer);
  }

  #chunk(slot: number): Uint32Array {
    return this.#chunks[slot >>> CHUNK_BITS] as Uint32Array;
  }
}
