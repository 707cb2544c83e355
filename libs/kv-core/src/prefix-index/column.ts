const CHUNK_BITS = 10;
const CHUNK_SLOTS = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_SLOTS - 1;

type Numbers = Uint32Array | Float64Array;

/**
 * One number per slot, 0 where none was set. In pieces of 1,024: it grows without moving what is there, and pieces in
 * which nothing was set take no memory.
 */
export class Column {
  readonly #make: (slots: number) => Numbers;
  readonly #chunks: (Numbers | undefined)[] = [];

  constructor(make: (slots: number) => Numbers) {
    this.#make = make;
  }

  get byteLength(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk?.byteLength ?? 0), 0);
  }

  get(slot: number): number {
    return this.#chunks[slot >>> CHUNK_BITS]?.[slot & IN_CHUNK] ?? 0;
  }

  set(slot: number, value: number): void {
    const at = slot >>> CHUNK_BITS;
    while (this.#chunks.length <= at) this.#chunks.push(undefined);
    const chunk = (this.#chunks[at] ??= this.#make(CHUNK_SLOTS));
    chunk[slot & IN_CHUNK] = value;
  }

  /** Replaces every number that was set, in place. */
  update(change: (value: number) => number): void {
    for (const chunk of this.#chunks) chunk?.forEach((value, i) => (chunk[i] = change(value)));
  }
}

export const u32Column = (): Column => new Column((slots) => new Uint32Array(slots));
export const f64Column = (): Column => new Column((slots) => new Float64Array(slots));
