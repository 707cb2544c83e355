import { u32Column, type Column } from '../prefix-index/column.js';

/** Whether the first block goes before the second. */
export type Before = (a: number, b: number) => boolean;

/**
 * A binary heap of block handles from which any can be taken: 4 bytes for each that is in, and 4 for each handle around
 * those that ever were.
 */
export class BlockHeap {
  readonly #before: Before;
  readonly #items: Column = u32Column();
  /** Place in the heap + 1 by handle; 0: not in it. */
  readonly #places: Column = u32Column();
  #size = 0;

  constructor(before: Before) {
    this.#before = before;
  }

  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    return this.#items.byteLength + this.#places.byteLength;
  }

  has(handle: number): boolean {
    return this.#places.get(handle) !== 0;
  }

  /** The block that goes first, or -1. */
  first(): number {
    return this.#size === 0 ? -1 : this.#items.get(0);
  }

  /** Puts a block in, or to its place after its order has changed. */
  put(handle: number): void {
    if (!this.has(handle)) {
      this.#set(this.#size++, handle);
    }
    const place = this.#places.get(handle) - 1;
    this.#sink(this.#rise(place));
  }

  /** Takes a block out; nothing when it is not in. */
  delete(handle: number): void {
    if (!this.has(handle)) return;
    const place = this.#places.get(handle) - 1;
    this.#places.set(handle, 0);
    const last = this.#items.get(--this.#size);
    if (place === this.#size) return;
    this.#set(place, last);
    this.#sink(this.#rise(place));
  }

  #set(place: number, handle: number): void {
    this.#items.set(place, handle);
    this.#places.set(handle, place + 1);
  }

  #rise(start: number): number {
    let place = start;
    const handle = this.#items.get(place);
    while (place > 0) {
      const up = (place - 1) >>> 1;
      const above = this.#items.get(up);
      if (!this.#before(handle, above)) break;
      this.#set(place, above);
      place = up;
    }
    this.#set(place, handle);
    return place;
  }

  #sink(start: number): void {
    let place = start;
    const handle = this.#items.get(place);
    for (let down = 2 * place + 1; down < this.#size; down = 2 * place + 1) {
      const right = down + 1;
      const child = right < this.#size && this.#before(this.#items.get(right), this.#items.get(down)) ? right : down;
      if (!this.#before(this.#items.get(child), handle)) break;
      this.#set(place, this.#items.get(child));
      place = child;
    }
    this.#set(place, handle);
  }
}
