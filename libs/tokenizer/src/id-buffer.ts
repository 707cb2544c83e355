/** Token ids appended one after another; grows by doubling. */
export class IdBuffer {
  #items = new Int32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(id: number): void {
    if (this.#size === this.#items.length) this.#grow(this.#size + 1);
    this.#items[this.#size++] = id;
  }

  pushAll(ids: ArrayLike<number>): void {
    if (this.#size + ids.length > this.#items.length) this.#grow(this.#size + ids.length);
    this.#items.set(ids, this.#size);
    this.#size += ids.length;
  }

  toArray(): Int32Array {
    return this.#items.slice(0, this.#size);
  }

  #grow(wanted: number): void {
    const grown = new Int32Array(Math.max(wanted, this.#items.length * 2));
    grown.set(this.#items);
    this.#items = grown;
  }
}
