/** A growable list of 32-bit integers: tokens of a sequence, pages of a block table. */
export class IntList {
  #items: Int32Array;
  #length: number;

  constructor(initial: Int32Array = new Int32Array(0)) {
    this.#items = Int32Array.from(initial);
    this.#length = initial.length;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#items.byteLength;
  }

  /** The item at an index in [0, length); a RangeError outside. */
  at(index: number): number {
    if (index < 0 || index >= this.#length) throw new RangeError(`index ${index} of ${this.#length}`);
    return this.#items[index] as number;
  }

  set(index: number, value: number): void {
    if (index < 0 || index >= this.#length) throw new RangeError(`index ${index} of ${this.#length}`);
    this.#items[index] = value;
  }

  push(value: number): void {
    if (this.#length === this.#items.length) {
      const grown = new Int32Array(Math.max(16, this.#length * 2));
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[this.#length++] = value;
  }

  clear(): void {
    this.#length = 0;
  }

  /** A view, valid until the next push. */
  view(begin = 0, end = this.#length): Int32Array {
    return this.#items.subarray(begin, Math.min(end, this.#length));
  }
}
