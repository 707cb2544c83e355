import { corrupt, missing, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { Metadata, NumberArray } from './metadata.js';

/** Typed access to metadata; a key of another type than asked for is an error that names it. */
export class MetadataView {
  readonly #metadata: Metadata;
  constructor(
    metadata: Metadata,
    readonly file: string,
  ) {
    this.#metadata = metadata;
  }

  has(key: string): boolean {
    return this.#metadata.has(key);
  }

  /** What follows `prefix` in the keys that begin with it. */
  keysUnder(prefix: string): string[] {
    return [...this.#metadata.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  /** A number, or undefined where the key is missing. */
  number(key: string): number | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined || typeof value === 'number') return value;
    throw this.#wrongType(key, 'a number');
  }

  /** A number that the model cannot be read without. @throws AppError `METADATA_MISSING`. */
  requiredNumber(key: string): number {
    return this.number(key) ?? this.#missing(key);
  }

  /**
   * A whole number of 0 or more; where the file has one number per layer, they must agree.
   *
   * @throws AppError `UNSUPPORTED_CHECKPOINT` when they differ.
   */
  count(key: string): number | undefined {
    const value = this.#metadata.get(key);
    const number = isNumberArray(value) ? this.#uniform(key, value) : this.number(key);
    if (number === undefined || (Number.isSafeInteger(number) && number >= 0)) return number;
    throw corrupt(this.file, `${shown(key)} is ${number}, which is no count.`);
  }

  /** As `count`. @throws AppError `METADATA_MISSING`. */
  requiredCount(key: string): number {
    return this.count(key) ?? this.#missing(key);
  }

  boolean(key: string): boolean | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrongType(key, 'a boolean');
  }

  text(key: string): string | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#wrongType(key, 'a string');
  }

  texts(key: string): readonly string[] | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw this.#wrongType(key, 'an array of strings');
  }

  numbers(key: string): NumberArray | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined || isNumberArray(value)) return value;
    throw this.#wrongType(key, 'an array of numbers');
  }

  #uniform(key: string, values: NumberArray): number | undefined {
    const first = values[0];
    if (values.every((value) => value === first)) return first;
    throw unsupported(this.file, `${shown(key)} differs from layer to layer, which is not supported.`);
  }

  #missing(key: string): never {
    throw missing('METADATA_MISSING', `${this.file}: the metadata key ${shown(key)} is missing.`);
  }

  #wrongType(key: string, wanted: string): Error {
    return corrupt(this.file, `the metadata key ${shown(key)} must be ${wanted}.`);
  }
}

function isNumberArray(value: unknown): value is NumberArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
