import { Arguments } from './arguments.js';
import type { Filter } from './filter.js';
import { jsonText } from './json-text.js';
import { str } from './python-repr.js';
import { capitalize, replace, splitLines, strip, type Plain } from './python-text.js';
import { aligned, percentFormat } from './string-format.js';
import {
  float,
  integer,
  isFloat,
  isMapping,
  isNone,
  isSequence,
  isString,
  numberOf,
  text,
  truth,
  tuple,
  typeName,
  isUndefined,
  type Value,
} from './values.js';

const MAX_INDENT = 1000;
const INTEGER = /^[+-]?\d+(?:_\d+)*$/;
const FLOAT = /^[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

function mapped(name: string, change: (text: string) => string): [string, Filter] {
  return [
    name,
    (value, args) => {
      new Arguments(name, args, []);
      return text(change(str(value)));
    },
  ];
}

/** Words begin after white space, a hyphen and opening brackets; the rest of a word is lower case. */
function title(whole: string): string {
  return whole
    .split(/([-\s({[<]+)/u)
    .map((word) => {
      const [first = '', ...rest] = Array.from(word);
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function trim(value: Value, args: Value[], plain: Plain): Value {
  const chars = new Arguments('trim', args, ['chars']).optionalString('chars');
  return text(strip(str(value), { chars, left: true, right: true }, plain));
}

function replaceFilter(value: Value, args: Value[], plain: Plain): Value {
  const given = new Arguments('replace', args, ['old', 'new', 'count']);
  const change = { old: str(given.required('old')), by: str(given.required('new')), max: given.integer('count', -1) };
  return text(replace(str(value), change, plain));
}

function indentOf(width: Value | undefined): string {
  if (width === undefined) return ' '.repeat(4);
  if (isString(width)) return width.value;
  const size = numberOf(width);
  if (size === null) throw new Error(`indent width must be an integer or a string, not ${typeName(width)}`);
  if (size > MAX_INDENT) throw new Error(`an indent of more than ${MAX_INDENT} spaces`);
  return ' '.repeat(Math.max(0, size));
}

function indent(value: Value, args: Value[]): Value {
  const given = new Arguments('indent', args, ['width', 'first', 'blank']);
  const by = indentOf(given.get('width'));
  const blank = given.boolean('blank', false);
  const [first = '', ...rest] = splitLines(`${str(value)}\n`, false);
  const lines = rest.map((line) => (blank || line !== '' ? by + line : line));
  return text((given.boolean('first', false) ? by : '') + [first, ...lines].join('\n'));
}

function separators(value: Value | undefined, indented: boolean): [string, string] {
  if (value === undefined || isNone(value)) return [indented ? ',' : ', ', ': '];
  const [item, key] = isSequence(value) && value.value.length === 2 ? value.value : [];
  if (item && key && isString(item) && isString(key)) return [item.value, key.value];
  throw new Error('separators must be two strings');
}

function toJson(value: Value, args: Value[]): Value {
  const given = new Arguments('tojson', args, ['ensure_ascii', 'indent', 'separators', 'sort_keys']);
  const width = given.get('indent');
  const indentation = width === undefined || isNone(width) ? null : indentOf(width);
  const [itemSeparator, keySeparator] = separators(given.get('separators'), indentation !== null);
  return text(
    jsonText(value, {
      indent: indentation,
      ensureAscii: given.boolean('ensure_ascii', false),
      itemSeparator,
      keySeparator,
      sortKeys: given.boolean('sort_keys', false),
    }),
  );
}

function parsed(value: Value, pattern: RegExp): number | null {
  if (!isString(value)) return numberOf(value);
  const digits = strip(value.value, { chars: null, left: true, right: true }, (same) => same);
  return pattern.test(digits) ? Number(digits.replaceAll('_', '')) : null;
}

function toInteger(value: Value, args: Value[]): Value {
  const fallback = new Arguments('int', args, ['default', 'base']).get('default') ?? integer(0);
  const number = parsed(value, INTEGER) ?? parsed(value, FLOAT);
  return number === null || !Number.isFinite(number) ? fallback : integer(Math.trunc(number));
}

function toFloat(value: Value, args: Value[]): Value {
  const fallback = new Arguments('float', args, ['default']).get('default') ?? float(0);
  const number = parsed(value, FLOAT);
  return number === null ? fallback : float(number);
}

function absolute(value: Value): Value {
  const number = numberOf(value);
  if (number === null) throw new Error(`bad operand type for abs(): '${typeName(value)}'`);
  return isFloat(value) ? float(Math.abs(number)) : integer(Math.abs(number));
}

function orDefault(value: Value, args: Value[]): Value {
  const given = new Arguments('default', args, ['default_value', 'boolean']);
  const missing = isUndefined(value) || (given.boolean('boolean', false) && !truth(value));
  return missing ? (given.get('default_value') ?? text('')) : value;
}

function escape(value: Value, _: Value[], plain: Plain): Value {
  const whole = str(value);
  const view = plain(whole);
  return text(whole.replace(/./gsu, (char, at: number) => HTML[view.slice(at, at + char.length)] ?? char));
}

function format(value: Value, args: Value[]): Value {
  const last = args.at(-1);
  const named = last !== undefined && last.type === 'KeywordArgumentsValue' && isMapping(last);
  return text(percentFormat(str(value), named ? last : tuple(args)));
}

function center(value: Value, args: Value[]): Value {
  const width = new Arguments('center', args, ['width']).integer('width', 80);
  return text(aligned(str(value), { fill: ' ', align: 'center', width }));
}

function wordCount(value: Value): Value {
  return integer((str(value).match(/[\p{L}\p{M}\p{N}_]+/gu) ?? []).length);
}

/** Filters that make a text or a number of one value. */
export const TEXT_FILTERS: readonly (readonly [string, Filter])[] = [
  mapped('upper', (whole) => whole.toUpperCase()),
  mapped('lower', (whole) => whole.toLowerCase()),
  mapped('capitalize', capitalize),
  mapped('title', title),
  mapped('string', (whole) => whole),
  mapped('safe', (whole) => whole),
  ['trim', trim],
  ['replace', replaceFilter],
  ['indent', indent],
  ['tojson', toJson],
  ['int', toInteger],
  ['float', toFloat],
  ['abs', absolute],
  ['default', orDefault],
  ['d', orDefault],
  ['escape', escape],
  ['e', escape],
  ['format', format],
  ['center', center],
  ['wordcount', wordCount],
];
