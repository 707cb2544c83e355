import { Arguments } from './arguments.js';
import { contains, equal, order } from './compare.js';
import { str } from './python-repr.js';
import { isCase, type Plain } from './python-text.js';
import {
  isBoolean,
  isFloat,
  isFunction,
  isInteger,
  isMapping,
  isNone,
  isSequence,
  isString,
  isUndefined,
  numberOf,
  typeName,
  type Value,
} from './values.js';

type Test = (value: Value, args: Value[], plain: Plain) => boolean;

const isBool = (value: Value, wanted: boolean): boolean => isBoolean(value) && value.value === wanted;

function wholeNumber(value: Value): number {
  const number = numberOf(value);
  if (number !== null) return number;
  throw new Error(`a number is required, not ${typeName(value)}`);
}

function compared(name: string, holds: (a: Value, b: Value, plain: Plain) => boolean): Test {
  return (value, args, plain) => holds(value, new Arguments(name, args, ['other']).required('other'), plain);
}

function divides(value: Value, args: Value[]): boolean {
  const divisor = wholeNumber(new Arguments('divisibleby', args, ['num']).required('num'));
  if (divisor === 0) throw new Error('integer modulo by zero');
  return wholeNumber(value) % divisor === 0;
}

const EQUAL = compared('eq', equal);
const UNEQUAL = compared('ne', (a, b, plain) => !equal(a, b, plain));
const GREATER = compared('gt', (a, b, plain) => order(a, b, plain) > 0);
const AT_LEAST = compared('ge', (a, b, plain) => order(a, b, plain) >= 0);
const LESS = compared('lt', (a, b, plain) => order(a, b, plain) < 0);
const AT_MOST = compared('le', (a, b, plain) => order(a, b, plain) <= 0);

const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['defined', (value) => !isUndefined(value)],
  ['undefined', (value) => isUndefined(value)],
  ['none', (value) => isNone(value)],
  ['boolean', (value) => isBoolean(value)],
  ['true', (value) => isBool(value, true)],
  ['false', (value) => isBool(value, false)],
  ['string', (value) => isString(value)],
  ['number', (value) => numberOf(value) !== null],
  ['integer', (value) => isInteger(value)],
  ['float', (value) => isFloat(value)],
  ['mapping', (value) => isMapping(value)],
  ['sequence', (value) => isSequence(value) || isString(value) || isMapping(value) || isUndefined(value)],
  ['iterable', (value) => isSequence(value) || isString(value) || isMapping(value) || isUndefined(value)],
  ['callable', (value) => isFunction(value)],
  ['odd', (value) => Math.abs(wholeNumber(value) % 2) === 1],
  ['even', (value) => wholeNumber(value) % 2 === 0],
  ['divisibleby', divides],
  ['lower', (value) => isCase(str(value), (whole) => whole.toLowerCase())],
  ['upper', (value) => isCase(str(value), (whole) => whole.toUpperCase())],
  ['in', compared('in', (value, container, plain) => contains(container, value, plain))],
  ['sameas', compared('sameas', (a, b, plain) => typeName(a) === typeName(b) && equal(a, b, plain))],
  ...['eq', 'equalto', '=='].map((name) => [name, EQUAL] as const),
  ...['ne', '!='].map((name) => [name, UNEQUAL] as const),
  ...['gt', 'greaterthan', '>'].map((name) => [name, GREATER] as const),
  ...['ge', '>='].map((name) => [name, AT_LEAST] as const),
  ...['lt', 'lessthan', '<'].map((name) => [name, LESS] as const),
  ...['le', '<='].map((name) => [name, AT_MOST] as const),
]);

/** `value is name(args)`. @throws Error for a test that Jinja does not know, or a value that it cannot test. */
export function applyTest(name: string, value: Value, args: Value[], plain: Plain): boolean {
  const test = TESTS.get(name);
  if (test === undefined) throw new Error(`No test named '${name}'.`);
  return test(value, args, plain);
}
