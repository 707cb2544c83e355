/** Appends little-endian values to a growing buffer. */
export class ByteWriter {
  #buffer = Buffer.alloc(1 << 16);
  #used = 0;

  get length(): number {
    return this.#used;
  }

  u32(value: number): void {
    this.#used = this.#reserve(4).writeUInt32LE(value, this.#used);
  }

  u64(value: number): void {
    this.#used = this.#reserve(8).writeBigUInt64LE(BigInt(value), this.#used);
  }

  f32(value: number): void {
    this.#used = this.#reserve(4).writeFloatLE(value, this.#used);
  }

  u8(value: number): void {
    this.#used = this.#reserve(1).writeUInt8(value, this.#used);
  }

  /** UTF-8 with its byte length before it. */
  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.u64(bytes);
    this.#used += this.#reserve(bytes).write(value, this.#used);
  }

  /** Zeros up to the next multiple. */
  align(multiple: number): void {
    const missing = (multiple - (this.#used % multiple)) % multiple;
    this.#reserve(missing).fill(0, this.#used, this.#used + missing);
    this.#used += missing;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  #reserve(extra: number): Buffer {
    if (this.#used + extra > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#used + extra));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}
