import { IntList } from '../../sequence/int-list.js';

const MIN_BUCKETS = 1 << 8;
const MAX_BUCKETS = 1 << 17;
const MULTIPLIER = 0x01000193;

/**
 * Where each run of `size` tokens of a text has been before: a hash table of the latest place, and from each place to the
 * one before it with the same hash. One step of constant time for each token of the text; 4 bytes for it, and 4 for
 * each bucket.
 */
export class GramIndex {
  readonly size: number;
  readonly #latest: Int32Array;
  readonly #earlier = new IntList();
  readonly #mask: number;

  /** @param longestText decides how many buckets there are. */
  constructor(size: number, longestText: number) {
    const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, longestText)));
    const buckets = Math.min(MAX_BUCKETS, Math.max(MIN_BUCKETS, wanted));
    this.size = size;
    this.#latest = new Int32Array(buckets).fill(-1);
    this.#mask = buckets - 1;
  }

  get bytes(): number {
    return this.#latest.byteLength + this.#earlier.bytes;
  }

  /** Takes the run that ends with the token at `end`; called for every position from 0 on, in order. */
  add(text: Int32Array, end: number): void {
    if (end + 1 < this.size) {
      this.#earlier.push(-1);
      return;
    }
    const bucket = this.#hash(text, end);
    this.#earlier.push(this.#latest[bucket] ?? -1);
    this.#latest[bucket] = end;
  }

  /** The place before `end`, nearest first, where a run with the same hash ends; -1 when there is none. */
  before(end: number): number {
    return this.#earlier.at(end);
  }

  #hash(text: Int32Array, end: number): number {
    let hash = 0x811c9dc5;
    for (let i = end - this.size + 1; i <= end; i++) hash = Math.imul(hash ^ (text[i] as number), MULTIPLIER);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
