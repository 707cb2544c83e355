import { compareCodePoints } from './json-text.js';
import { unmarked, type Plain } from './python-text.js';
import {
  isMapping,
  isNone,
  isSequence,
  isString,
  isTuple,
  isUndefined,
  numberOf,
  typeName,
  type Value,
} from './values.js';

/** Python's `==`. */
export function equal(a: Value, b: Value, plain: Plain): boolean {
  if (isString(a) && isString(b)) return plain(a.value) === plain(b.value);
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null && right !== null) return left === right;
  if (isSequence(a) && isSequence(b)) return isTuple(a) === isTuple(b) && sameItems(a.value, b.value, plain);
  if (isMapping(a) && isMapping(b)) return sameEntries(a.value, b.value, plain);
  if (isNone(a) || isUndefined(a)) return typeName(a) === typeName(b);
  return a === b;
}

function sameItems(a: readonly Value[], b: readonly Value[], plain: Plain): boolean {
  return a.length === b.length && a.every((item, i) => equal(item, b[i] as Value, plain));
}

function sameEntries(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>, plain: Plain): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([key, item]) => {
    const other = b.get(key);
    return other !== undefined && equal(item, other, plain);
  });
}

/** Python's order: below 0, 0 or above 0. @throws Error for values that have none. */
export function order(a: Value, b: Value, plain: Plain): number {
  if (isString(a) && isString(b)) return compareCodePoints(plain(a.value), plain(b.value));
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null && right !== null) return left - right;
  if (isSequence(a) && isSequence(b) && isTuple(a) === isTuple(b)) return orderItems(a.value, b.value, plain);
  throw new Error(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function orderItems(a: readonly Value[], b: readonly Value[], plain: Plain): number {
  const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i] as Value, plain));
  if (at < 0) return a.length - b.length;
  return at >= b.length ? 1 : order(a[at] as Value, b[at] as Value, plain);
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value, plain: Plain): boolean {
  if (isSequence(container)) return container.value.some((one) => equal(one, item, plain));
  if (isMapping(container)) return isString(item) && hasKey(container.value, item.value, plain);
  if (isUndefined(container)) return false;
  if (!isString(container)) throw new Error(`argument of type '${typeName(container)}' is not iterable`);
  if (isString(item)) return plain(container.value).includes(plain(item.value));
  throw new Error(`'in <string>' requires string as left operand, not ${typeName(item)}`);
}

function hasKey(entries: ReadonlyMap<string, Value>, key: string, plain: Plain): boolean {
  return lookUp(entries, key, plain) !== undefined;
}

const plainKeys = new WeakMap<ReadonlyMap<string, Value>, ReadonlyMap<string, Value>>();

/** The entry under a key of a dictionary; marks in keys do not hide them. */
export function lookUp(entries: ReadonlyMap<string, Value>, key: string, plain: Plain): Value | undefined {
  const found = entries.get(key);
  if (found !== undefined || plain === unmarked) return found;
  let index = plainKeys.get(entries);
  if (index === undefined) {
    index = new Map([...entries].map(([name, value]) => [plain(name), value]));
    plainKeys.set(entries, index);
  }
  return index.get(plain(key));
}
