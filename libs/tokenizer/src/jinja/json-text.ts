import { floatText, integerText } from './python-repr.js';
import {
  isBoolean,
  isFloat,
  isInteger,
  isMapping,
  isNone,
  isSequence,
  isString,
  typeName,
  type Value,
} from './values.js';

/** The options of transformers' `tojson`, which are those of Python's `json.dumps`. */
export interface JsonStyle {
  /** Spaces or a string per level; null: one line. */
  indent: string | null;
  ensureAscii: boolean;
  itemSeparator: string;
  keySeparator: string;
  sortKeys: boolean;
}

const CONTROL = /["\\\0-\x1f]/g;
const NOT_ASCII = /[^ -~]/g;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
};

function unicode(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function quoted(text: string, ascii: boolean): string {
  const safe = text.replace(CONTROL, (unit) => SHORT[unit] ?? unicode(unit));
  return `"${ascii ? safe.replace(NOT_ASCII, unicode) : safe}"`;
}

function numberText(text: string): string {
  return { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' }[text] ?? text;
}

/** @throws Error for what JSON cannot hold, as undefined values. */
export function jsonText(value: Value, style: JsonStyle, depth = 0): string {
  if (isString(value)) return quoted(value.value, style.ensureAscii);
  if (isNone(value)) return 'null';
  if (isBoolean(value)) return value.value ? 'true' : 'false';
  if (isInteger(value)) return integerText(value.value);
  if (isFloat(value)) return numberText(floatText(value.value));
  if (isSequence(value)) {
    const items = value.value.map((item) => jsonText(item, style, depth + 1));
    return bracketed(['[', ']'], items, style, depth);
  }
  if (isMapping(value)) return bracketed(['{', '}'], entries(value.value, style, depth + 1), style, depth);
  throw new Error(`Object of type ${typeName(value)} is not JSON serializable`);
}

function entries(values: ReadonlyMap<string, Value>, style: JsonStyle, depth: number): string[] {
  const all = [...values];
  if (style.sortKeys) all.sort(([a], [b]) => compareCodePoints(a, b));
  return all.map(([key, value]) => {
    return quoted(key, style.ensureAscii) + style.keySeparator + jsonText(value, style, depth);
  });
}

function bracketed(
  [open, close]: readonly [string, string],
  items: readonly string[],
  style: JsonStyle,
  depth: number,
): string {
  if (items.length === 0) return open + close;
  if (style.indent === null) return open + items.join(style.itemSeparator) + close;
  const outer = `\n${style.indent.repeat(depth)}`;
  const inner = outer + style.indent;
  return open + inner + items.join(style.itemSeparator + inner) + outer + close;
}

/** Order of Python strings: by code points, not by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
