import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { ByteCursor } from './byte-cursor.js';
import { GGUF_LIMITS as LIMITS } from './limits.js';

export type NumberArray =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** A value of GGUF metadata; 64-bit integers are exact numbers, arrays of them are Float64Array. */
export type MetadataValue = number | boolean | string | NumberArray | readonly string[] | readonly boolean[];

export type Metadata = ReadonlyMap<string, MetadataValue>;

interface NumberType {
  bytes: number;
  take: (cursor: ByteCursor) => number;
  array: new (length: number) => NumberArray;
}

const F32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** Number types by the id that the format gives them. */
const NUMBERS: Readonly<Record<number, NumberType>> = {
  0: { bytes: 1, take: (c) => c.takeU8(), array: Uint8Array },
  1: { bytes: 1, take: (c) => c.takeI8(), array: Int8Array },
  2: { bytes: 2, take: (c) => c.takeU16(), array: Uint16Array },
  3: { bytes: 2, take: (c) => c.takeI16(), array: Int16Array },
  4: { bytes: 4, take: (c) => c.takeU32(), array: Uint32Array },
  5: { bytes: 4, take: (c) => c.takeI32(), array: Int32Array },
  6: { bytes: 4, take: (c) => c.takeF32(), array: Float32Array },
  10: { bytes: 8, take: (c) => c.takeU64(), array: Float64Array },
  11: { bytes: 8, take: (c) => c.takeI64(), array: Float64Array },
  12: { bytes: 8, take: (c) => c.takeF64(), array: Float64Array },
};

/** Parses the key-value section of a GGUF file; `name` is for messages. */
export class MetadataReader {
  readonly #cursor: ByteCursor;
  readonly #name: string;
  #stringsInArrays = 0;

  constructor(cursor: ByteCursor, name: string) {
    this.#cursor = cursor;
    this.#name = name;
  }

  /** Reads `count` entries. @throws AppError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`, `UNSUPPORTED_CHECKPOINT`. */
  async readEntries(count: number): Promise<Metadata> {
    if (count > LIMITS.metadataEntries)
      throw overLimit(this.#name, `${count} metadata entries`, LIMITS.metadataEntries);
    const entries = new Map<string, MetadataValue>();
    for (let i = 0; i < count; i++) {
      const key = await this.readText(LIMITS.keyBytes, 'a metadata key');
      if (entries.has(key)) throw corrupt(this.#name, `the metadata key ${shown(key)} occurs twice.`);
      await this.#cursor.need(4);
      entries.set(key, await this.#readValue(this.#cursor.takeU32(), key));
    }
    return entries;
  }

  /** A length-prefixed string of at most `limitBytes`; `what` is for messages. */
  async readText(limitBytes: number, what: string): Promise<string> {
    if (!this.#cursor.has(8)) await this.#cursor.need(8);
    const length = this.#cursor.takeU64();
    if (length > limitBytes) throw overLimit(this.#name, `${what} of ${length} bytes`, limitBytes);
    if (!this.#cursor.has(length)) await this.#cursor.need(length);
    return this.#cursor.takeText(length);
  }

  async #readValue(type: number, key: string): Promise<MetadataValue> {
    if (type === STRING) return this.readText(LIMITS.stringBytes, `the value of ${shown(key)}`);
    if (type === ARRAY) return this.#readArray(key);
    if (type === BOOL) {
      await this.#cursor.need(1);
      return this.#readBool(key);
    }
    const number = this.#numberType(type, key);
    await this.#cursor.need(number.bytes);
    const value = number.take(this.#cursor);
    return type === F32 ? shortestF32(value) : value;
  }

  async #readArray(key: string): Promise<MetadataValue> {
    await this.#cursor.need(12);
    const type = this.#cursor.takeU32();
    const length = this.#cursor.takeU64();
    if (length > LIMITS.arrayLength)
      throw overLimit(this.#name, `${shown(key)} of ${length} items`, LIMITS.arrayLength);
    if (type === ARRAY) throw unsupported(this.#name, `the metadata key ${shown(key)} is an array of arrays.`);
    if (type === STRING) return this.#readTexts(key, length);
    if (type === BOOL) return this.#readBools(key, length);
    const number = this.#numberType(type, key);
    // All of it must be there before the array is allocated: a length alone costs nothing to forge.
    await this.#cursor.need(length * number.bytes);
    const values = new number.array(length);
    for (let i = 0; i < length; i++) values[i] = number.take(this.#cursor);
    return values;
  }

  async #readTexts(key: string, length: number): Promise<string[]> {
    this.#stringsInArrays += length;
    if (this.#stringsInArrays > LIMITS.arrayStrings) {
      throw overLimit(this.#name, `the number of strings in arrays, at ${shown(key)}`, LIMITS.arrayStrings);
    }
    if (length * 8 > this.#cursor.remainingBytes) throw corrupt(this.#name, `${shown(key)} ends behind the file.`);
    const texts: string[] = [];
    for (let i = 0; i < length; i++) {
      // Only a string that is not in the window yet is worth a microtask.
      texts.push(this.#takeBufferedText() ?? (await this.readText(LIMITS.stringBytes, `an item of ${shown(key)}`)));
    }
    return texts;
  }

  #takeBufferedText(): string | undefined {
    if (!this.#cursor.has(8)) return undefined;
    const length = this.#cursor.peekU64();
    return length !== undefined && this.#cursor.has(8 + length) ? this.#cursor.takePrefixedText(length) : undefined;
  }

  async #readBools(key: string, length: number): Promise<boolean[]> {
    await this.#cursor.need(length);
    return Array.from({ length }, () => this.#readBool(key));
  }

  #readBool(key: string): boolean {
    const value = this.#cursor.takeU8();
    if (value > 1) throw corrupt(this.#name, `${shown(key)} is ${value}, which is no boolean.`);
    return value === 1;
  }

  #numberType(type: number, key: string): NumberType {
    const number = NUMBERS[type];
    if (!number) throw corrupt(this.#name, `${shown(key)} has the unknown type ${type}.`);
    return number;
  }
}

/** The decimal that a person wrote: 1e-5 and not 0.000009999999747378752. It rounds to the same f32. */
function shortestF32(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
