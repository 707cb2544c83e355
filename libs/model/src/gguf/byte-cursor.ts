import type { ByteSource } from '../checkpoint/byte-source.js';
import { corrupt, overLimit } from '../checkpoint/checkpoint-errors.js';

/** Bytes fetched at once while a header is parsed. */
const WINDOW_BYTES = 1024 * 1024;

/**
 * Reads little-endian values in order through a window, so that a header is parsed without holding the file.
 *
 * `need(n)` must have succeeded before values of `n` bytes in all are taken; taking is then synchronous, which keeps
 * arrays of 100,000s of strings quick.
 */
export class ByteCursor {
  readonly #source: ByteSource;
  readonly #limitBytes: number;
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;
  #at = 0;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(source: ByteSource, limitBytes: number) {
    this.#source = source;
    this.#limitBytes = limitBytes;
  }

  /** Offset in the source of the next byte. */
  get position(): number {
    return this.#windowStart + this.#at;
  }

  get remainingBytes(): number {
    return this.#source.sizeBytes - this.position;
  }

  /** True when `bytes` can be taken without a read. */
  has(bytes: number): boolean {
    return this.#window.length - this.#at >= bytes;
  }

  /** Makes `bytes` available. @throws AppError `CHECKPOINT_CORRUPT` past the end, `CHECKPOINT_LIMIT` past the bound. */
  async need(bytes: number): Promise<void> {
    if (this.has(bytes)) return;
    const start = this.position;
    if (bytes > this.remainingBytes)
      throw corrupt(
        this.#source.name,
        `it ends inside its header, at byte ${start}; it is cut short, download it again.`,
      );
    if (start + bytes > this.#limitBytes)
      throw overLimit(this.#source.name, 'the size of its header', this.#limitBytes);
    const length = Math.min(Math.max(bytes, WINDOW_BYTES), this.remainingBytes);
    this.#window = await this.#source.read(start, length);
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength);
    this.#windowStart = start;
    this.#at = 0;
  }

  takeU8(): number {
    return this.#view.getUint8(this.#step(1));
  }

  takeI8(): number {
    return this.#view.getInt8(this.#step(1));
  }

  takeU16(): number {
    return this.#view.getUint16(this.#step(2), true);
  }

  takeI16(): number {
    return this.#view.getInt16(this.#step(2), true);
  }

  takeU32(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  takeI32(): number {
    return this.#view.getInt32(this.#step(4), true);
  }

  takeF32(): number {
    return this.#view.getFloat32(this.#step(4), true);
  }

  takeF64(): number {
    return this.#view.getFloat64(this.#step(8), true);
  }

  /** @throws AppError `CHECKPOINT_CORRUPT` for a value that a number cannot hold exactly. */
  takeU64(): number {
    return this.#exact(this.#view.getBigUint64(this.#step(8), true));
  }

  /** @throws AppError `CHECKPOINT_CORRUPT` for a value that a number cannot hold exactly. */
  takeI64(): number {
    return this.#exact(this.#view.getBigInt64(this.#step(8), true));
  }

  /** @throws AppError `CHECKPOINT_CORRUPT` for bytes that are not UTF-8. */
  takeText(bytes: number): string {
    const start = this.#step(bytes);
    try {
      return this.#decoder.decode(this.#window.subarray(start, start + bytes));
    } catch (cause) {
      throw corrupt(this.#source.name, `the string at byte ${this.position - bytes} is not valid UTF-8.`, cause);
    }
  }

  /** The next unsigned 64-bit value without taking it; undefined when a number cannot hold it. `need(8)` first. */
  peekU64(): number | undefined {
    const value = Number(this.#view.getBigUint64(this.#at, true));
    return Number.isSafeInteger(value) ? value : undefined;
  }

  /** Takes a string behind its 64-bit length. */
  takePrefixedText(bytes: number): string {
    this.#step(8);
    return this.takeText(bytes);
  }

  #step(bytes: number): number {
    const start = this.#at;
    this.#at += bytes;
    return start;
  }

  #exact(value: bigint): number {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw corrupt(this.#source.name, `the number ${value} before byte ${this.position} is larger than 2^53.`);
  }
}
