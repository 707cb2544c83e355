import { Arguments } from './arguments.js';
import { lookUp } from './compare.js';
import { codePointAt, codePointRange, type Plain } from './python-text.js';
import { STRING_METHODS } from './string-methods.js';
import {
  isBoolean,
  isInteger,
  isMapping,
  isNamespace,
  isNone,
  isSequence,
  isString,
  isTuple,
  isUndefined,
  integer,
  list,
  mapping,
  native,
  none,
  text,
  tuple,
  typeName,
  undefinedValue,
  type Value,
} from './values.js';
import { equal } from './compare.js';

type MappingMethod = (self: Map<string, Value>, values: Value[], plain: Plain) => Value;

const pairs = (entries: ReadonlyMap<string, Value>): Value[] => {
  return [...entries].map(([key, value]) => tuple([text(key), value]));
};

/** Methods of `dict`; the ones that would change it do not exist, as in the sandbox of transformers. */
const MAPPING_METHODS: ReadonlyMap<string, MappingMethod> = new Map<string, MappingMethod>([
  [
    'get',
    (self, values, plain) => {
      const given = new Arguments('get', values, ['key', 'default']);
      const key = given.required('key');
      const found = isString(key) ? lookUp(self, key.value, plain) : undefined;
      return found ?? given.get('default') ?? none();
    },
  ],
  ['items', (self) => list(pairs(self))],
  ['keys', (self) => list([...self.keys()].map((key) => text(key)))],
  ['values', (self) => list([...self.values()])],
  ['copy', (self) => mapping(new Map(self))],
]);

function sequenceMethod(items: readonly Value[], name: string, plain: Plain): Value | null {
  if (name === 'count') {
    return native(([wanted]) => integer(items.filter((item) => wanted && equal(item, wanted, plain)).length));
  }
  if (name !== 'index') return null;
  return native(([wanted]) => {
    const at = items.findIndex((item) => wanted && equal(item, wanted, plain));
    if (at < 0) throw new Error('the value is not in the list');
    return integer(at);
  });
}

function methodOf(object: Value, name: string, plain: Plain): Value | null {
  if (isString(object)) {
    const method = STRING_METHODS.get(name);
    return method ? native((values) => method(object.value, values, plain)) : null;
  }
  if (isMapping(object)) {
    const method = MAPPING_METHODS.get(name);
    return method ? native((values) => method(object.value, values, plain)) : null;
  }
  return isSequence(object) ? sequenceMethod(object.value, name, plain) : null;
}

function itemOf(object: Value, key: Value, plain: Plain): Value | undefined {
  if (isMapping(object) && isString(key)) return lookUp(object.value, key.value, plain);
  const index = isInteger(key) ? key.value : isBoolean(key) ? Number(key.value) : null;
  if (index === null) return undefined;
  if (isSequence(object)) return object.value.at(index);
  const char = isString(object) ? codePointAt(object.value, index) : undefined;
  return char === undefined ? undefined : text(char);
}

function refuseUndefined(object: Value, key: string): void {
  if (isUndefined(object)) throw new Error(`a value is undefined and has no attribute ${JSON.stringify(key)}`);
}

/** `object.name`: a method first, then an item, as Jinja looks attributes up. */
export function attribute(object: Value, name: string, plain: Plain): Value {
  refuseUndefined(object, name);
  if (isNamespace(object)) return object.value.get(name) ?? undefinedValue();
  return methodOf(object, name, plain) ?? itemOf(object, text(name), plain) ?? undefinedValue();
}

/** `object[key]`: an item first, then a method. */
export function subscript(object: Value, key: Value, plain: Plain): Value {
  const name = isString(key) ? key.value : null;
  refuseUndefined(object, name ?? String(key.value));
  const found = itemOf(object, key, plain);
  if (found !== undefined) return found;
  if (name === null) return undefinedValue();
  return isNamespace(object)
    ? (object.value.get(name) ?? undefinedValue())
    : (methodOf(object, name, plain) ?? undefinedValue());
}

function bound(value: Value, name: string): number | null {
  if (isNone(value) || isUndefined(value)) return null;
  if (isInteger(value)) return value.value;
  throw new Error(`slice ${name} must be an integer or None, not ${typeName(value)}`);
}

/** `object[start:stop:step]` of lists, tuples and, by code points, strings. */
export function slice(object: Value, range: { start: Value; stop: Value; step: Value }): Value {
  const step = bound(range.step, 'step') ?? 1;
  if (step === 0) throw new Error('slice step cannot be zero');
  const limits = { start: bound(range.start, 'start'), stop: bound(range.stop, 'stop'), step };
  if (isString(object) && step === 1) {
    return text(object.value.slice(...codePointRange(object.value, limits.start ?? 0, limits.stop ?? Infinity)));
  }
  if (isString(object)) return text(sliced(Array.from(object.value), limits).join(''));
  if (!isSequence(object)) {
    refuseUndefined(object, 'slice');
    throw new Error(`'${typeName(object)}' object cannot be sliced`);
  }
  const items = sliced(object.value, limits);
  return isTuple(object) ? tuple(items) : list(items);
}

function sliced<T>(items: readonly T[], limits: { start: number | null; stop: number | null; step: number }): T[] {
  const { step } = limits;
  const [low, high] = step > 0 ? [0, items.length] : [-1, items.length - 1];
  const clamp = (index: number): number => Math.min(high, Math.max(low, index < 0 ? index + items.length : index));
  const start = limits.start === null ? (step > 0 ? low : high) : clamp(limits.start);
  const stop = limits.stop === null ? (step > 0 ? high : low) : clamp(limits.stop);
  const out: T[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) out.push(items[i] as T);
  return out;
}
