import { invalidConfig, shownValue } from './config-error.js';
import { describeRange, inRange, NUMBER_RANGES, type NumberKey } from './number-ranges.js';

/** Values of a configuration object as parsed from JSON. */
export type ConfigValues = Readonly<Record<string, unknown>>;

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

  /** A number within the range that {@link NUMBER_RANGES} has for the key; the only way to read one. */
  number(key: NumberKey): number {
    const value = this.#values[key];
    const range = NUMBER_RANGES[key];
    if (inRange(value, range)) return value;
    throw invalidConfig(this.name(key), `must be ${describeRange(range)}, but is ${shownValue(value)}`);
  }

  /** As {@link number}, or null where the key is missing. */
  optionalNumber(key: NumberKey): number | null {
    return this.has(key) ? this.number(key) : null;
  }

  boolean(key: string): boolean {
    const value = this.#values[key];
    if (typeof value === 'boolean') return value;
    throw invalidConfig(this.name(key), `must be true or false, but is ${shownValue(value)}`);
  }

  string(key: string): string {
    const value = this.#values[key];
    if (typeof value === 'string') return value;
    throw invalidConfig(this.name(key), `must be a string, but is ${shownValue(value)}`);
  }

  /** An array of exactly `length` entries, each accepted by `guard`. */
  array<T>(key: string, length: number, guard: (value: unknown) => value is T): readonly T[] {
    const value = this.#values[key];
    const entries: readonly unknown[] = Array.isArray(value) ? value : [];
    const wrong = entries.findIndex((entry) => !guard(entry));
    if (Array.isArray(value) && value.length === length && wrong < 0) return value as readonly T[];
    const fault =
      wrong >= 0 && entries.length === length
        ? `entry ${wrong} is ${shownValue(entries[wrong])}`
        : Array.isArray(value)
          ? `it has ${entries.length}`
          : `it is ${shownValue(value)}`;
    throw invalidConfig(this.name(key), `must be a list of ${length} valid entries, but ${fault}`);
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
