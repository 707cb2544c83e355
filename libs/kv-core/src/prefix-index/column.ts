const CHUNK_BITS = 14;

const CHUNK_SLOTS = 1 << CHUNK_BITS;

const IN_CHUNK = CHUNK_SLOTS - 1;

type Numbers = Uint32Array | Float64Array;

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

export const u32Column = (): Column => new Column((slots) => new Uint32Array(slots));
export const f64Column = (): Column => new Column((slots) => new Float64Array(slots));
