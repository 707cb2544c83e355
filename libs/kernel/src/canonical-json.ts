import { invalidArgument } from './app-error.js';

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Deepest nesting that is written: far more than a manifest has, far less than the stack. */
const MAX_DEPTH = 64;

/** With the `u` flag a pair is one character, so that only halves match. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * JSON in the one form of RFC 8785 (JCS): no spaces, members sorted by the UTF-16 code units of their names, numbers
 * and strings as ECMAScript writes them. Equal values give equal text, so that a digest of it names the value.
 *
 * @throws AppError `INVALID_ARGUMENT` for what JSON cannot say: NaN, infinities, undefined, lone surrogates, functions,
 * objects of a class, and nesting beyond 64 levels.
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, '$', 0);
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) throw invalidArgument(path, `${path} is nested deeper than ${MAX_DEPTH} levels.`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return number(value, path);
  if (typeof value === 'string') return text(value, path);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, i) => write(item, `${path}[${i}]`, depth + 1)).join(',')}]`;
  }
  if (!isPlainObject(value)) throw invalidArgument(path, `${path} is not a JSON value.`);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${text(key, path)}:${write(value[key], `${path}.${key}`, depth + 1)}`);
  return `{${members.join(',')}}`;
}

function number(value: number, path: string): string {
  if (!Number.isFinite(value)) throw invalidArgument(path, `${path} is ${value}, which JSON cannot say.`);
  return JSON.stringify(value);
}

function text(value: string, path: string): string {
  if (LONE_SURROGATE.test(value)) throw invalidArgument(path, `${path} has a lone surrogate.`);
  return JSON.stringify(value);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
