import { floatText, integerText, repr, str } from './python-repr.js';
import { isBoolean, isFloat, isMapping, isString, isTuple, numberOf, typeName, type Value } from './values.js';

/** Padding is bounded so that a template cannot ask for a text of any size. */
const MAX_WIDTH = 10_000;
const PERCENT = /%(?:\((?<key>[^)]*)\))?(?<flags>[-+ 0#]*)(?<width>\d*)(?:\.(?<precision>\d+))?(?<kind>.?)/gsu;
const BRACES = /\{\{|\}\}|\{(?<field>[^{}:!]*)(?:!(?<conversion>[rs]))?(?::(?<spec>[^{}]*))?\}|[{}]/gu;
const SPEC =
  /^(?:(?<fill>.)?(?<align>[<>^=]))?(?<sign>[-+ ]?)(?<zero>0?)(?<width>\d*)(?<comma>,?)(?:\.(?<precision>\d+))?(?<kind>[sdfegxXob%]?)$/su;

/** Python's `format % values`. */
export function percentFormat(format: string, values: Value): string {
  const queue = isTuple(values) ? values.value : [values];
  let next = 0;
  const take = (key: string | undefined): Value => {
    if (key !== undefined) return fieldOf(values, key);
    const value = queue[next++];
    if (value === undefined) throw new Error('not enough arguments for format string');
    return value;
  };
  const text = format.replace(PERCENT, (_, ...rest: unknown[]) => {
    const { key, flags = '', width = '', precision, kind = '' } = rest.at(-1) as Record<string, string | undefined>;
    if (kind === '%') return '%';
    const body = percentBody(kind, take(key), { flags, precision });
    return aligned(body, {
      fill: flags.includes('0') && !'sr'.includes(kind) && !flags.includes('-') ? '0' : ' ',
      align: flags.includes('-') ? '<' : flags.includes('0') && !'sr'.includes(kind) ? '=' : '>',
      width: Number(width),
    });
  });
  if (next < queue.length && !isMapping(values))
    throw new Error('not all arguments converted during string formatting');
  return text;
}

function fieldOf(values: Value, key: string): Value {
  const value = isMapping(values) ? values.value.get(key) : undefined;
  if (value === undefined) throw new Error(`format requires a mapping with ${JSON.stringify(key)}`);
  return value;
}

function percentBody(kind: string, value: Value, style: { flags: string; precision: string | undefined }): string {
  const precision = style.precision === undefined ? undefined : bounded(Number(style.precision));
  if (kind === 's' || kind === 'r') {
    const whole = kind === 's' ? str(value) : repr(value);
    return precision === undefined ? whole : Array.from(whole).slice(0, precision).join('');
  }
  const number = numberOf(value);
  if (number === null) throw new Error(`%${kind} format: a real number is required, not ${typeName(value)}`);
  const sign = style.flags.includes('+') ? '+' : style.flags.includes(' ') ? ' ' : '';
  return signed(digitsOf(kind === 'i' || kind === 'u' ? 'd' : kind, number, precision), sign);
}

/** Python's `format.format(...)` with simple fields: `{}`, `{0}`, `{name}`, each with a conversion and a specification. */
export function braceFormat(format: string, positional: readonly Value[], named: ReadonlyMap<string, Value>): string {
  let next = 0;
  return format.replace(BRACES, (whole, ...rest: unknown[]) => {
    if (whole === '{{' || whole === '}}') return whole.charAt(0);
    const groups = rest.at(-1) as Record<string, string | undefined>;
    const field = groups['field'];
    if (field === undefined) throw new Error(`Single '${whole}' encountered in format string`);
    const key = field === '' ? String(next++) : field;
    const value = /^\d+$/.test(key) ? positional[Number(key)] : named.get(key);
    if (value === undefined) throw new Error(`format() has no argument ${JSON.stringify(key)}`);
    return formatted(groups['conversion'] === 'r' ? { text: repr(value) } : { value }, groups['spec'] ?? '');
  });
}

function formatted(input: { value: Value } | { text: string }, spec: string): string {
  if (spec === '') return 'value' in input ? str(input.value) : input.text;
  const groups = SPEC.exec(spec)?.groups;
  if (groups === undefined) throw new Error(`Invalid format specifier ${JSON.stringify(spec)}`);
  const { fill, align, sign = '', zero = '', width = '', comma = '', precision, kind = '' } = groups;
  const number = 'value' in input && !isString(input.value) ? numberOf(input.value) : null;
  const limit = precision === undefined ? undefined : bounded(Number(precision));
  if (number === null || (kind === '' && isBoolean((input as { value: Value }).value))) {
    const whole = 'value' in input ? str(input.value) : input.text;
    const body = limit === undefined ? whole : Array.from(whole).slice(0, limit).join('');
    return aligned(body, { fill: fill ?? ' ', align: align ?? '<', width: Number(width) });
  }
  const { value } = input as { value: Value };
  const body = signed(numberBody(value, number, { kind, precision: limit, comma: comma !== '' }), sign);
  const padded = zero === '0' && align === undefined;
  return aligned(body, {
    fill: padded ? '0' : (fill ?? ' '),
    align: padded ? '=' : (align ?? '>'),
    width: Number(width),
  });
}

function numberBody(
  value: Value,
  number: number,
  style: { kind: string; precision: number | undefined; comma: boolean },
): string {
  const { kind, precision, comma } = style;
  if (kind === '%') return `${(number * 100).toFixed(precision ?? 6)}%`;
  const plain = kind === '' && precision === undefined;
  const body = plain
    ? isFloat(value)
      ? floatText(number)
      : integerText(number)
    : digitsOf(kind || 'g', number, precision);
  return comma ? body.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ',')) : body;
}

function digitsOf(kind: string, number: number, precision: number | undefined): string {
  switch (kind) {
    case 'd':
      return integerText(Math.trunc(number));
    case 'f':
    case 'F':
      return number.toFixed(precision ?? 6);
    case 'e':
      return number.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2');
    case 'g':
      return general(number, precision ?? 6);
    case 'x':
      return number.toString(16);
    case 'X':
      return number.toString(16).toUpperCase();
    case 'o':
      return number.toString(8);
    case 'b':
      return number.toString(2);
    default:
      throw new Error(`unsupported format character '${kind}'`);
  }
}

function general(number: number, precision: number): string {
  const digits = Math.max(1, precision);
  if (number === 0) return '0';
  const exponent = Number(number.toExponential(digits - 1).split('e')[1]);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent >= -4 && exponent < digits) return trim(number.toFixed(digits - 1 - exponent));
  const [mantissa = '', power = ''] = number.toExponential(digits - 1).split('e');
  return `${trim(mantissa)}e${power.replace(/([+-])(\d)$/, '$10$2')}`;
}

function signed(body: string, sign: string): string {
  return body.startsWith('-') || sign === '' || sign === '-' ? body : sign + body;
}

function bounded(size: number): number {
  if (size > MAX_WIDTH) throw new Error(`a width of more than ${MAX_WIDTH} characters`);
  return size;
}

/** Pads to a width in code points; `=` puts the padding behind the sign. */
export function aligned(body: string, style: { fill: string; align: string; width: number }): string {
  const missing = bounded(style.width) - Array.from(body).length;
  if (missing <= 0) return body;
  const padding = (size: number): string => style.fill.repeat(size);
  switch (style.align) {
    case '<':
      return body + padding(missing);
    case 'center': {
      // Where `str.center` puts the odd one depends on the width.
      const left = Math.floor(missing / 2) + (missing & style.width & 1);
      return padding(left) + body + padding(missing - left);
    }
    case '^':
      return padding(Math.floor(missing / 2)) + body + padding(Math.ceil(missing / 2));
    case '=': {
      const sign = /^[-+ ]/.test(body) ? body.charAt(0) : '';
      return sign + padding(missing) + body.slice(sign.length);
    }
    default:
      return padding(missing) + body;
  }
}
