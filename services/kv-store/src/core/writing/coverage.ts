/** Most separate pieces that a put may have open at once; a writer in any order of 1 MiB frames needs far fewer. */
export const MAX_PIECES = 8192;

/** Which bytes of an object have arrived: sorted, disjoint, merged half-open ranges. */
export class Coverage {
  readonly #begins: number[] = [];
  readonly #ends: number[] = [];

  constructor(readonly totalBytes: number) {}

  /** @returns false when a byte of the range has arrived before, or there are too many pieces; nothing is taken then. */
  add(begin: number, end: number): boolean {
    const at = this.#firstFrom(begin);
    const touchesBefore = at > 0 && this.#ends[at - 1] === begin;
    const touchesAfter = at < this.#begins.length && this.#begins[at] === end;
    if (at > 0 && (this.#ends[at - 1] ?? 0) > begin) return false;
    if (at < this.#begins.length && (this.#begins[at] ?? 0) < end) return false;
    if (touchesBefore && touchesAfter) {
      this.#ends[at - 1] = this.#ends[at] ?? end;
      this.#begins.splice(at, 1);
      this.#ends.splice(at, 1);
    } else if (touchesBefore) this.#ends[at - 1] = end;
    else if (touchesAfter) this.#begins[at] = begin;
    else {
      if (this.#begins.length >= MAX_PIECES) return false;
      this.#begins.splice(at, 0, begin);
      this.#ends.splice(at, 0, end);
    }
    return true;
  }

  get complete(): boolean {
    return this.#begins.length === 1 && this.#begins[0] === 0 && this.#ends[0] === this.totalBytes;
  }

  /** Bytes from offset 0 on without a gap. */
  get prefixBytes(): number {
    return this.#begins[0] === 0 ? (this.#ends[0] ?? 0) : 0;
  }

  #firstFrom(begin: number): number {
    let low = 0;
    let high = this.#begins.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#begins[middle] ?? 0) < begin) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
