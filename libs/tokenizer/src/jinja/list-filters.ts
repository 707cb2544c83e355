import { Arguments } from './arguments.js';
import { equal, order } from './compare.js';
import type { Filter } from './filter.js';
import { subscript } from './members.js';
import { str } from './python-repr.js';
import { codePointAt, codePointLength, type Plain } from './python-text.js';
import { applyTest } from './tests.js';
import {
  integer,
  isInteger,
  isMapping,
  isNone,
  isSequence,
  isString,
  isUndefined,
  iterate,
  list,
  text,
  truth,
  tuple,
  typeName,
  undefinedValue,
  type Value,
} from './values.js';
import { operate } from './operators.js';

export type Getter = (item: Value) => Value;

/** `a.b.0` of an item, as the `attribute` arguments of filters mean it. */
export function getter(path: Value | undefined, plain: Plain, fallback?: Value): Getter {
  if (path === undefined || isNone(path)) return (item) => item;
  const parts = isInteger(path) ? [String(path.value)] : str(path).split('.');
  const keys = parts.map((part) => (/^\d+$/.test(part) ? integer(Number(part)) : text(part)));
  const step = (current: Value, key: Value): Value => {
    const found = subscript(current, key, plain);
    return isUndefined(found) ? (fallback ?? found) : found;
  };
  return (item) => keys.reduce(step, item);
}

/** Texts are compared in lower case unless asked otherwise. */
function foldCase(value: Value, sensitive: boolean): Value {
  return !sensitive && isString(value) ? text(value.value.toLowerCase()) : value;
}

function length(value: Value): Value {
  if (isMapping(value)) return integer(value.value.size);
  if (isString(value)) return integer(codePointLength(value.value));
  if (isSequence(value) || isUndefined(value)) return integer(iterate(value).length);
  throw new Error(`object of type '${typeName(value)}' has no len()`);
}

function end(value: Value, index: 0 | -1): Value {
  if (!isString(value)) return iterate(value).at(index) ?? undefinedValue();
  const char = codePointAt(value.value, index);
  return char === undefined ? undefinedValue() : text(char);
}

function join(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('join', args, ['d', 'attribute']);
  const separator = given.get('d');
  const items = iterate(value)
    .map(getter(given.get('attribute'), plain))
    .map(str);
  return text(items.join(separator === undefined ? '' : str(separator)));
}

function reverse(value: Value): Value {
  return isString(value) ? text(Array.from(value.value).reverse().join('')) : list([...iterate(value)].reverse());
}

function sort(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('sort', args, ['reverse', 'case_sensitive', 'attribute']);
  const sensitive = given.boolean('case_sensitive', false);
  const path = given.get('attribute');
  const paths = path !== undefined && isString(path) ? path.value.split(',').map((part) => text(part)) : [path];
  const getters = paths.map((one) => getter(one, plain));
  const keyed = iterate(value).map((item) => ({ item, keys: getters.map((get) => foldCase(get(item), sensitive)) }));
  return list(ordered(keyed, given.boolean('reverse', false), plain).map(({ item }) => item));
}

function ordered<T extends { keys: Value[] }>(keyed: T[], reversed: boolean, plain: Plain): T[] {
  const sign = reversed ? -1 : 1;
  return keyed.sort((a, b) => sign * order(tuple(a.keys), tuple(b.keys), plain));
}

function dictSort(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('dictsort', args, ['case_sensitive', 'by', 'reverse']);
  if (!isMapping(value)) throw new Error(`'${typeName(value)}' object has no attribute 'items'`);
  const by = given.optionalString('by') ?? 'key';
  if (by !== 'key' && by !== 'value') throw new Error("dictsort by must be 'key' or 'value'");
  const sensitive = given.boolean('case_sensitive', false);
  const keyed = [...value.value].map(([key, item]) => ({
    pair: tuple([text(key), item]),
    keys: [foldCase(by === 'key' ? text(key) : item, sensitive)],
  }));
  return list(ordered(keyed, given.boolean('reverse', false), plain).map(({ pair }) => pair));
}

function unique(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('unique', args, ['case_sensitive', 'attribute']);
  const get = getter(given.get('attribute'), plain);
  const sensitive = given.boolean('case_sensitive', false);
  const seen: Value[] = [];
  const texts = new Set<string>();
  return list(
    iterate(value).filter((item) => {
      const key = foldCase(get(item), sensitive);
      if (isString(key)) return texts.size < texts.add(plain(key.value)).size;
      const isNew = !seen.some((other) => equal(other, key, plain));
      if (isNew) seen.push(key);
      return isNew;
    }),
  );
}

function extreme(name: string, sign: number): Filter {
  return (value, args, plain) => {
    const given = new Arguments(name, args, ['case_sensitive', 'attribute']);
    const get = getter(given.get('attribute'), plain);
    const sensitive = given.boolean('case_sensitive', false);
    const key: Getter = (item) => foldCase(get(item), sensitive);
    return iterate(value).reduce<Value>(
      (best, item) => (isUndefined(best) || sign * order(key(item), key(best), plain) > 0 ? item : best),
      undefinedValue(),
    );
  };
}

function sum(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('sum', args, ['attribute', 'start']);
  const start = given.get('start') ?? integer(0);
  if (isString(start)) throw new Error("sum() can't sum strings");
  const items = iterate(value).map(getter(given.get('attribute'), plain));
  return items.reduce((total, item) => operate('+', total, item, plain), start);
}

/** `select` and its kin. @param byAttribute the first argument names an attribute to test instead of the item. */
function selector(wanted: boolean, byAttribute: boolean): Filter {
  return (value, args, plain) => {
    const path = byAttribute ? args[0] : undefined;
    if (byAttribute && path === undefined) throw new Error('Missing parameter for attribute name');
    const get = getter(path, plain);
    const [test, ...parameters] = byAttribute ? args.slice(1) : args;
    const holds = (item: Value): boolean => {
      return test === undefined ? truth(item) : applyTest(str(test), item, parameters, plain);
    };
    return list(iterate(value).filter((item) => holds(get(item)) === wanted));
  };
}

function batch(value: Value, args: Value[]): Value {
  const given = new Arguments('batch', args, ['linecount', 'fill_with']);
  const size = given.integer('linecount', 0);
  if (size < 1) throw new Error('batch needs a count above 0');
  const items = iterate(value);
  const rows = Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
  const fill = given.get('fill_with');
  const last = rows.at(-1);
  while (fill !== undefined && !isNone(fill) && last !== undefined && last.length < size) last.push(fill);
  return list(rows.map((row) => list(row)));
}

function items(value: Value): Value {
  if (isUndefined(value)) return list([]);
  if (!isMapping(value)) throw new Error('Can only get item pairs from a mapping.');
  return list([...value.value].map(([key, item]) => tuple([text(key), item])));
}

/** Filters over lists, texts as lists of characters, and dictionaries. */
export const LIST_FILTERS: readonly (readonly [string, Filter])[] = [
  ['length', length],
  ['count', length],
  ['list', (value) => list([...iterate(value)])],
  ['first', (value) => end(value, 0)],
  ['last', (value) => end(value, -1)],
  ['join', join],
  ['reverse', reverse],
  ['sort', sort],
  ['dictsort', dictSort],
  ['items', items],
  ['unique', unique],
  ['min', extreme('min', -1)],
  ['max', extreme('max', 1)],
  ['sum', sum],
  ['select', selector(true, false)],
  ['reject', selector(false, false)],
  ['selectattr', selector(true, true)],
  ['rejectattr', selector(false, true)],
  ['batch', batch],
];
