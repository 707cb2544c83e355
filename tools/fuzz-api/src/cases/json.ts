import { EITHER, refused, type ApiCase } from '../case.js';
import { jsonText, RawJson } from '../json-text.js';
import type { Random } from '../random.js';
import { anyApi, PATHS, post, postText, smallBody, type Body } from './bodies.js';
import type { Api } from './fields.js';

const BAD_REQUEST = refused(undefined, 400);
const NOT_OBJECTS = ['', ' ', 'null', '1', 'true', '"a"', '[]', '[{}]', '[[[]]]'];

/** JSON that ends too early, or has something in it that JSON has not. */
export function brokenJson(random: Random): ApiCase {
  const api = anyApi(random);
  return postText(PATHS[api], random.pick([brokenText, otherText])(random, api), BAD_REQUEST);
}

function brokenText(random: Random, api: Api): string {
  const text = jsonText(smallBody(api));
  return text.slice(0, random.integer(1, text.length - 1));
}

function otherText(random: Random, api: Api): string {
  const text = jsonText(smallBody(api));
  return random.pick([
    random.pick(NOT_OBJECTS),
    `${text}}`,
    `${text} ${text}`,
    `\ufeff\ufeff${text}`,
    text.replaceAll('"', "'"),
    text.replace('{', '{,'),
    text.replace('1}', '01}'),
    text.replace('1}', '+1}'),
    text.replace('1}', 'NaN}'),
    text.replace('1}', 'Infinity}'),
    text.replace('1}', '0x1}'),
    text.replace('1}', '1,}'),
    text.replace('The', 'T\u0000e'),
    text.replace('The', '\\x41'),
    text.replace('The', '\\u12'),
    `// comment\n${text}`,
    `data: ${text}\n\n`,
    'model=needle-3m&prompt=x',
    '<?xml version="1.0"?><a/>',
  ]);
}

const NO_UTF8 = [
  [0xff],
  [0xfe, 0xff],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x82],
  [0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
];

export function brokenUtf8(random: Random): ApiCase {
  const api = anyApi(random);
  const text = Buffer.from(jsonText(smallBody(api)));
  const at = text.indexOf('river') + random.integer(0, 5);
  const body = Buffer.concat([text.subarray(0, at), Buffer.from(random.pick(NO_UTF8)), text.subarray(at)]);
  return postText(PATHS[api], body, BAD_REQUEST);
}

/** Values within values, much deeper than any stack. */
export function deepJson(random: Random): ApiCase {
  const api = anyApi(random);
  const depth = random.size(10, 190_000);
  const nested = new RawJson(
    random.chance(0.5) ? '['.repeat(depth) + ']'.repeat(depth) : '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
  );
  const field = random.pick([
    'messages',
    'prompt',
    'metadata',
    'stop',
    'logit_bias',
    'tools',
    'model',
    'unknown_field',
  ]);
  return post(PATHS[api], { ...smallBody(api), [field]: nested }, BAD_REQUEST);
}

/** Very many values beside each other. */
export function wideJson(random: Random): ApiCase {
  const api = anyApi(random);
  const count = random.size(1000, 200_000);
  const many = (value: (index: number) => unknown) => Array.from({ length: count }, (_, index) => value(index));
  const record = () => Object.fromEntries(many((index) => [`k${index}`, index]) as [string, number][]);
  const body = random.pick<() => Body>([
    () => ({ stop: many(() => 'a') }),
    () => ({ logit_bias: record() }),
    () => ({ metadata: record() }),
    () => ({ messages: many(() => ({})) }),
    () => ({ messages: many(() => ({ role: 'user' })) }),
    () => ({ prompt: many(() => null) }),
    () => ({ prompt: many(() => []) }),
    () => record(),
    () => ({ user: 'u'.repeat(count), temperature: -1 }),
  ])();
  return post(PATHS[api], { ...smallBody(api), ...body }, BAD_REQUEST);
}

/** A legal body with some of its bytes replaced, doubled or taken out. */
export function mutatedBody(random: Random): ApiCase {
  const api = anyApi(random);
  let bytes = Buffer.from(
    jsonText({ ...smallBody(api), temperature: 0.5, stop: ['a'], seed: 1, logit_bias: { 5: 1 } }),
  );
  for (let count = random.integer(1, 4); count > 0; count--) {
    const at = random.integer(0, bytes.length - 1);
    const put = random.pick([[], [random.integer(0, 255)], [bytes[at] ?? 0, bytes[at] ?? 0]]);
    bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + 1)]);
  }
  return postText(PATHS[api], bytes, EITHER);
}
