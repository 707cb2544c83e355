import { contains, equal, order } from './compare.js';
import { str } from './python-repr.js';
import type { Plain } from './python-text.js';
import { percentFormat } from './string-format.js';
import {
  boolean,
  float,
  integer,
  isFloat,
  isInteger,
  isBoolean,
  isSequence,
  isString,
  isTuple,
  isUndefined,
  list,
  numberOf,
  text,
  tuple,
  typeName,
  type Value,
} from './values.js';

/** Longest text or list that `*` may make. */
const MAX_REPEATED = 1_000_000;

/** Python's binary operators but for `and` and `or`. @throws Error as Python does for operands that do not fit. */
export function operate(operator: string, left: Value, right: Value, plain: Plain): Value {
  switch (operator) {
    case '==':
      return boolean(equal(left, right, plain));
    case '!=':
      return boolean(!equal(left, right, plain));
    case 'in':
      return boolean(contains(right, left, plain));
    case 'not in':
      return boolean(!contains(right, left, plain));
    case '~':
      return text(str(left) + str(right));
    case '<':
      return boolean(order(left, right, plain) < 0);
    case '<=':
      return boolean(order(left, right, plain) <= 0);
    case '>':
      return boolean(order(left, right, plain) > 0);
    case '>=':
      return boolean(order(left, right, plain) >= 0);
    default:
      return calculate(operator, left, right);
  }
}

function calculate(operator: string, left: Value, right: Value): Value {
  if (isUndefined(left) || isUndefined(right)) throw new Error('a value is undefined');
  if (isString(left) && operator === '%') return text(percentFormat(left.value, right));
  if (operator === '+' && isString(left) && isString(right)) return text(left.value + right.value);
  if (operator === '+' && isSequence(left) && isSequence(right) && isTuple(left) === isTuple(right)) {
    return (isTuple(left) ? tuple : list)([...left.value, ...right.value]);
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) return arithmetic(operator, a, b, isFloat(left) || isFloat(right));
  const repeated = operator === '*' ? (repeat(left, right) ?? repeat(right, left)) : null;
  if (repeated !== null) return repeated;
  throw new Error(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

function repeat(what: Value, times: Value): Value | null {
  if (!isInteger(times) && !isBoolean(times)) return null;
  if (!isString(what) && !isSequence(what)) return null;
  const count = Math.max(0, Number(times.value));
  if (what.value.length * count > MAX_REPEATED) throw new Error(`* makes more than ${MAX_REPEATED} items`);
  if (isString(what)) return text(what.value.repeat(count));
  const items = Array.from({ length: count }, () => what.value).flat();
  return isTuple(what) ? tuple(items) : list(items);
}

function arithmetic(operator: string, a: number, b: number, isFloating: boolean): Value {
  const make = isFloating ? float : exactInteger;
  if (b === 0 && ['/', '//', '%'].includes(operator)) throw new Error('division by zero');
  switch (operator) {
    case '+':
      return make(a + b);
    case '-':
      return make(a - b);
    case '*':
      return make(a * b);
    case '/':
      return float(a / b);
    case '//':
      return make(Math.floor(a / b));
    case '%':
      return make(a - b * Math.floor(a / b));
    case '**':
      return power(a, b, isFloating);
    default:
      throw new Error(`Unknown operator ${operator}`);
  }
}

/** Python's integers have no bound; beyond 2^53 these would be wrong silently. */
function exactInteger(value: number): Value {
  if (!Number.isSafeInteger(value)) throw new Error('an integer beyond 2^53');
  return integer(value);
}

function power(a: number, b: number, isFloating: boolean): Value {
  const result = a ** b;
  if (!Number.isFinite(result)) throw new Error('the result of ** is no finite real number');
  return isFloating || b < 0 ? float(result) : exactInteger(result);
}

/** Unary `-` and `+`. */
export function negate(operator: string, value: Value): Value {
  const number = numberOf(value);
  if (number === null) throw new Error(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const result = operator === '-' ? -number : number;
  return isFloat(value) ? float(result) : integer(result === 0 ? 0 : result);
}
