import { ANSWERED, EITHER, refused, type ApiCase } from '../case.js';
import { RawJson, RawObject } from '../json-text.js';
import type { Random } from '../random.js';
import { anyApi, fieldsOf, PATHS, post, smallBody, type Body } from './bodies.js';
import { FIELDS, NOT_HAD, SAMPLING_FIELDS, type FieldRule } from './fields.js';

/** Any values that every field allows, many at once. */
export function legalFields(random: Random): ApiCase {
  const api = anyApi(random);
  const rules = random.some(fieldsOf(SAMPLING_FIELDS, api), random.integer(1, 9));
  const body: Body = { ...smallBody(api), max_tokens: random.integer(1, 2), ...valuesOf(rules, random) };
  if (random.chance(0.3)) body['stream'] = true;
  return post(PATHS[api], body, ANSWERED);
}

/** One field at a time that has nothing to do with sampling, or null for any. */
export function legalShape(random: Random): ApiCase {
  const api = anyApi(random);
  const rule = random.pick(fieldsOf(FIELDS, api));
  const value = rule.isNullable && random.chance(0.3) ? null : rule.legal(random);
  return post(PATHS[api], { ...smallBody(api), ...rule.with, [rule.name]: value }, ANSWERED);
}

export function outOfRange(random: Random): ApiCase {
  const api = anyApi(random);
  const rule = random.pick(fieldsOf(FIELDS, api));
  return post(
    PATHS[api],
    { ...smallBody(api), ...rule.with, [rule.name]: rule.illegal(random) },
    refused(rule.name, 400),
  );
}

export function wrongType(random: Random): ApiCase {
  const api = anyApi(random);
  const rule = random.pick(fieldsOf(FIELDS, api));
  const value = random.pick(rule.wrongTypes);
  return post(PATHS[api], { ...smallBody(api), ...rule.with, [rule.name]: value }, refused(rule.name, 400));
}

const UNKNOWN = [
  'temprature',
  'maxTokens',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '',
  'a.b',
  'a[0]',
];

export function unknownField(random: Random): ApiCase {
  const api = anyApi(random);
  const name = random.chance(0.5) ? random.pick(UNKNOWN) : random.letters(random.size(1, 200)) + '_x';
  const value = random.pick<unknown>([1, 'a', {}, [], { a: 1 }, false]);
  const fields = [...Object.entries(smallBody(api)), [name, value] as const];
  return post(PATHS[api], new RawObject(fields), refused(name.slice(0, 64), 400));
}

export function notHad(random: Random): ApiCase {
  const [name, value, api = anyApi(random)] = random.pick(NOT_HAD);
  return post(PATHS[api], { ...smallBody(api), [name]: value }, refused(name, 400));
}

const NUMBERS = [
  ...['0', '-0', '0.0', '-0.0', '1e400', '-1e400', '1e-400', '5e-324', '2.2250738585072014e-308', '1e308'],
  ...['1.7976931348623157e308', '1e-39', '1.17549435e-38', '3.4028235e38', '3.4028236e38', '-3.5e38', '1e38'],
  ...['2147483647', '2147483648', '-2147483649', '4294967295', '4294967296', '9007199254740991', '9007199254740993'],
  ...['18446744073709551615', '18446744073709551616', '-9223372036854775809', '1.0', '1E2', '0.1e1', '1e-7'],
  `${'9'.repeat(400)}`,
  `0.${'0'.repeat(400)}1`,
];

/** Numbers at the edge of what floats and integers hold, in every field that takes a number, and in lists of ids. */
export function hugeAndTiny(random: Random): ApiCase {
  const api = anyApi(random);
  const number = new RawJson(random.pick(NUMBERS));
  const numeric = fieldsOf(FIELDS, api).filter(
    ({ wrongTypes }) => wrongTypes.includes('1') && wrongTypes.includes(true),
  );
  const name = random.pick(numeric).name;
  const value = random.pick<Body>([
    { [name]: number },
    { logit_bias: { 5: number } },
    { stop_token_ids: [number] },
    api === 'completions' ? { prompt: [number] } : { top_logprobs: number, logprobs: true },
  ]);
  return post(PATHS[api], { ...smallBody(api), ...value }, EITHER);
}

/** Several fields at once, each legal, illegal, of a wrong type, null or doubled. */
export function mixed(random: Random): ApiCase {
  const api = anyApi(random);
  const rules = random.some(fieldsOf(FIELDS, api), random.integer(2, 6));
  const fields = rules.map((rule) => [rule.name, anyValue(rule, random)] as const);
  const doubled = random.chance(0.2) ? fields.slice(0, 1) : [];
  const base = Object.entries(smallBody(api)).filter(() => random.chance(0.97));
  return post(PATHS[api], new RawObject([...base, ...fields, ...doubled]), EITHER);
}

function anyValue(rule: FieldRule, random: Random): unknown {
  const kind = random.share();
  if (kind < 0.5) return rule.legal(random);
  if (kind < 0.7) return rule.illegal(random);
  return kind < 0.8 && rule.isNullable ? null : random.pick(rule.wrongTypes);
}

function valuesOf(rules: readonly FieldRule[], random: Random): Body {
  return Object.assign({}, ...rules.map((rule) => ({ ...rule.with, [rule.name]: rule.legal(random) }))) as Body;
}
