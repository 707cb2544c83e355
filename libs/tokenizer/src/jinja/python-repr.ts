import {
  isBoolean,
  isFloat,
  isFunction,
  isInteger,
  isMapping,
  isNamespace,
  isNone,
  isSequence,
  isString,
  isTuple,
  isUndefined,
  type Value,
} from './values.js';

const PRINTED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A float as Python's `repr` writes it: the shortest digits, an exponent from 1e16 on and below 1e-4. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= 16 || exponent < -4) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const plain = exponent < 0 ? value.toFixed(-exponent + mantissaDigits(digits) - 1) : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

function mantissaDigits(digits: string): number {
  return digits.replace(/[-.]/g, '').length;
}

/** An integer in full, also above 2^53 where JavaScript would write an exponent. */
export function integerText(value: number): string {
  return Number.isFinite(value) ? BigInt(value).toString() : floatText(value);
}

/** `str(value)`, which is also what a template writes for it. */
export function str(value: Value): string {
  if (isString(value)) return value.value;
  return isUndefined(value) ? '' : repr(value);
}

/** `repr(value)`, as it stands inside lists and dictionaries. */
export function repr(value: Value): string {
  if (isString(value)) return quoted(value.value);
  if (isInteger(value)) return integerText(value.value);
  if (isFloat(value)) return floatText(value.value);
  if (isBoolean(value)) return value.value ? 'True' : 'False';
  if (isNone(value)) return 'None';
  if (isUndefined(value)) return 'Undefined';
  if (isTuple(value)) return value.value.length === 1 ? `(${items(value.value)},)` : `(${items(value.value)})`;
  if (isSequence(value)) return `[${items(value.value)}]`;
  if (isMapping(value)) return entries(value.value);
  if (isNamespace(value)) return `<Namespace ${entries(value.value)}>`;
  return isFunction(value) ? '<function>' : String(value.value);
}

function items(values: readonly Value[]): string {
  return values.map(repr).join(', ');
}

function entries(values: ReadonlyMap<string, Value>): string {
  return `{${[...values].map(([key, value]) => `${quoted(key)}: ${repr(value)}`).join(', ')}}`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  return quote + Array.from(text, (char) => (char === quote ? `\\${char}` : escaped(char))).join('') + quote;
}

function escaped(char: string): string {
  const known = ESCAPES[char];
  if (known !== undefined) return known;
  if (PRINTED.test(char) || isMark(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/** What may stand for a character of a control token; turned back after rendering, so it must stay one character. */
function isMark(char: string): boolean {
  return /^[\uE000-\uF8FF\uFDD0-\uFDEF]$/u.test(char);
}
