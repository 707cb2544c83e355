import { invalidConfig } from './config-error.js';

/** Values of a configuration object as parsed from JSON. */
export type ConfigValues = Readonly<Record<string, unknown>>;

const MAX_INTEGER = 2 ** 31 - 1;

/**
 * Typed access to a configuration object. Every getter throws AppError `CONFIG_INVALID` that names the key when the
 * value is missing, of another type or out of range; null counts as missing.
 */
export class ConfigReader {
  readonly #values: ConfigValues;
  readonly #path: string;

  /** @param path prefix of the keys in error messages, for instance `config.` */
  constructor(values: ConfigValues, path: string) {
    this.#values = values;
    this.#path = path;
  }

  /** Whether the key is there and not null. */
  has(key: string): boolean {
    return this.#values[key] !== undefined && this.#values[key] !== null;
  }

  /** The key as error messages spell it. */
  name(key: string): string {
    return this.#path + key;
  }

  /** An integer from 1 to 2^31 - 1, or to `max` where given. */
  integer(key: string, max = MAX_INTEGER): number {
    return this.#within(key, 1, max);
  }

  /** An integer from 0 to 2^31 - 1. */
  count(key: string): number {
    return this.#within(key, 0, MAX_INTEGER);
  }

  #within(key: string, min: number, max: number): number {
    const value = this.#values[key];
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw invalidConfig(this.name(key), `must be an integer from ${min} to ${max}`);
    }
    return value as number;
  }

  /** A finite number above zero. */
  positive(key: string): number {
    const value = this.#values[key];
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw invalidConfig(this.name(key), 'must be a number above 0');
    }
    return value;
  }

  /** As {@link positive}, or null where the key is missing. */
  optionalPositive(key: string): number | null {
    return this.has(key) ? this.positive(key) : null;
  }

  boolean(key: string): boolean {
    const value = this.#values[key];
    if (typeof value !== 'boolean') throw invalidConfig(this.name(key), 'must be true or false');
    return value;
  }

  string(key: string): string {
    const value = this.#values[key];
    if (typeof value !== 'string') throw invalidConfig(this.name(key), 'must be a string');
    return value;
  }

  /** An array of exactly `length` entries, each accepted by `guard`. */
  array<T>(key: string, length: number, guard: (value: unknown) => value is T): readonly T[] {
    const value = this.#values[key];
    if (!Array.isArray(value) || value.length !== length || !value.every(guard)) {
      throw invalidConfig(this.name(key), `must be a list of ${length} valid entries`);
    }
    return value as readonly T[];
  }

  /** A nested object as a reader of its own. */
  child(key: string): ConfigReader {
    return new ConfigReader(asRecord(this.#values[key], this.name(key)), `${this.name(key)}.`);
  }

  /** The raw values, for merging. */
  values(): ConfigValues {
    return this.#values;
  }
}

/** A JSON object, or AppError `CONFIG_INVALID`. */
export function asRecord(value: unknown, name: string): ConfigValues {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidConfig(name, 'must be an object');
  }
  return value as ConfigValues;
}
