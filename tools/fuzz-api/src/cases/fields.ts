import type { Random } from '../random.js';
import { RawJson } from '../json-text.js';
import { randomText } from './texts.js';

/** The two generation APIs. */
export type Api = 'chat' | 'completions';

/** A field of a generation request: values that have to be taken, refused for their size, and refused for their type. */
export interface FieldRule {
  readonly name: string;
  /** Undefined: both. */
  readonly api?: Api;
  /** Whether null stands for leaving it out. */
  readonly isNullable: boolean;
  legal(random: Random): unknown;
  illegal(random: Random): unknown;
  readonly wrongTypes: readonly unknown[];
  /** Other fields that a legal value needs. */
  readonly with?: Readonly<Record<string, unknown>>;
}

/** Ids of the tokens of `needle-3m`. */
export const VOCABULARY = 1024;

const NO_NUMBER: readonly unknown[] = ['1', '', true, [], [1], {}, { value: 1 }];
const NO_INTEGER: readonly unknown[] = [...NO_NUMBER, 0.5, 1.0000001, new RawJson('1e-5')];
const NO_BOOLEAN: readonly unknown[] = ['true', 1, 0, [], {}, 'yes'];
const NO_STRING: readonly unknown[] = [1, true, [], {}, ['a']];
const ENDLESS: readonly unknown[] = [new RawJson('1e400'), new RawJson('-1e400'), 1e308, -1e308];

type Values = readonly unknown[];
type Rest = Partial<Omit<FieldRule, 'name' | 'legal' | 'illegal' | 'wrongTypes'>>;

function field(name: string, values: { legal: Values; illegal: Values; wrong: Values }, rest: Rest = {}): FieldRule {
  return {
    name,
    isNullable: true,
    legal: (random) => random.pick(values.legal),
    illegal: (random) => random.pick(values.illegal),
    wrongTypes: values.wrong,
    ...rest,
  };
}

/** Numbers in [min, max]. */
function range(name: string, [min, max]: readonly [number, number], edges: Values = []): FieldRule {
  const below = min - Math.max(Math.abs(min) * 1e-6, 1e-9);
  const above = max + Math.max(Math.abs(max) * 1e-6, 1e-9);
  return {
    ...field(name, { legal: [], illegal: [below, above, min - 1, max * 10, ...ENDLESS], wrong: NO_NUMBER }),
    legal: (random) => random.pick([min, max, min + (max - min) * random.share(), ...edges]),
  };
}

function wholeNumber(name: string, legal: Values, illegal: Values, rest: Rest = {}): FieldRule {
  return field(name, { legal, illegal: [...illegal, ...ENDLESS], wrong: NO_INTEGER }, rest);
}

function onOff(name: string, rest: Rest = {}): FieldRule {
  return field(name, { legal: [true, false], illegal: NO_BOOLEAN, wrong: NO_BOOLEAN }, rest);
}

function anyString(name: string, rest: Rest = {}): FieldRule {
  const values = { legal: [], illegal: NO_STRING, wrong: NO_STRING };
  return { ...field(name, values), legal: (random) => randomText(random), ...rest };
}

const ids = (random: Random, count: number) => Array.from({ length: count }, () => random.integer(0, VOCABULARY - 1));
const longText = 'x'.repeat(300);
/** Numbers that a float of 32 bits, or of 64, can only just hold. */
const TINY: Values = [5e-324, 1e-300, 1e-45, 1e-39, 1.2e-38];

const SAMPLING: readonly FieldRule[] = [
  range('temperature', [0, 2], [...TINY, 0.01, 1, new RawJson('-0')]),
  { ...range('top_p', [0, 1], []), legal: (random) => random.pick([...TINY, 1e-6, 0.5, 0.999999, 1]) },
  range('min_p', [0, 1], TINY),
  range('repetition_penalty', [0.01, 100], [1, 0.5, 1.1]),
  range('presence_penalty', [-2, 2], [...TINY, 0]),
  range('frequency_penalty', [-2, 2], [...TINY, 0]),
  wholeNumber('top_k', [-1, 0, 1, 5, VOCABULARY], [-2, -100]),
  wholeNumber('seed', [0, 1, -1, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1], [new RawJson('1e300')]),
  {
    ...field('logit_bias', { legal: [], illegal: [], wrong: ['1', 1, true, [], [1], { 5: '1' }, { 5: null }] }),
    legal: (random) =>
      Object.fromEntries(ids(random, random.size(1, 300)).map((id) => [id, random.pick([-100, 100, 0, 1e-40, 3.5])])),
    illegal: (random) =>
      random.pick([{ 5: 101 }, { 5: -100.5 }, { '-1': 1 }, { [VOCABULARY]: 1 }, { a: 1 }, { '1.5': 1 }, { '': 1 }]),
  },
];

const STOPPING: readonly FieldRule[] = [
  {
    ...field('stop', { legal: [], illegal: ['', [''], ['a', ''], longText, [longText]], wrong: [1, true, {}, [1]] }),
    legal: (random) =>
      random.pick([randomText(random), [], ['a'], Array.from({ length: 4 }, () => randomText(random))]),
  },
  {
    ...field('stop_token_ids', {
      legal: [],
      illegal: [[-1], [VOCABULARY], [2 ** 40]],
      wrong: ['1', 1, {}, ['1'], [1.5]],
    }),
    legal: (random) => ids(random, random.size(1, 64)),
  },
  wholeNumber('min_tokens', [0, 1], [-1, -100]),
  onOff('ignore_eos'),
  onOff('include_stop_str_in_output'),
  onOff('skip_special_tokens'),
];

const SHAPE: readonly FieldRule[] = [
  wholeNumber('max_tokens', [1, 2], [-1, -100, 2 ** 31, 2 ** 40], { isNullable: false }),
  wholeNumber('n', [1, 2, 4], [0, -1, 1000, 2 ** 31]),
  onOff('stream'),
  field(
    'stream_options',
    {
      legal: [{ include_usage: true }, { include_usage: false }, {}, null],
      illegal: [{ include_usage: 1 }, { a: 1 }],
      wrong: [1, 'a', true, [1]],
    },
    { with: { stream: true } },
  ),
  onOff('logprobs', { api: 'chat' }),
  wholeNumber('top_logprobs', [0, 1, 5, 20], [-1, 1000], { api: 'chat', with: { logprobs: true } }),
  wholeNumber('logprobs', [0, 1, 5], [-1, 1000], { api: 'completions' }),
  onOff('echo', { api: 'completions' }),
  wholeNumber('prompt_logprobs', [0, 1], [-2, 1000], { with: { stream: false } }),
  wholeNumber('priority', [-(2 ** 31) + 1, -1, 0, 1, 2 ** 31 - 1], [-(2 ** 31), 2 ** 31]),
  { ...anyString('cache_salt'), illegal: (random) => random.pick([longText, 1, []]) },
  field('longhaul', {
    legal: [
      ...[null, {}, { attention: 'dense' }, { attention: null, quality: 'exact' }, { quality: 'sparse' }],
      ...[{ speculation: null }, { speculation: { kind: 'lookup' } }],
      { speculation: { kind: 'lookup', max_draft_tokens: 32 } },
    ],
    illegal: [
      ...[
        { attention: 'quest' },
        { attention: '' },
        { attention: 1 },
        { policy: 'dense' },
        { quality: 'best' },
        { quality: 1 },
        { tenant: 'a' },
      ],
      ...[{ speculation: {} }, { speculation: 'lookup' }, { speculation: { kind: 'tree' } }],
      ...[
        { kind: 'lookup', max_draft_tokens: 33 },
        { kind: 'lookup', ngram: 3 },
      ].map((speculation) => ({ speculation })),
    ],
    wrong: [1, 'a', true, [1]],
  }),
  anyString('user'),
  anyString('safety_identifier'),
  anyString('prompt_cache_key'),
  { ...field('metadata', { legal: [{}, { a: 'b' }], illegal: [{ a: 1 }, { a: null }], wrong: [1, 'a', true, [1]] }) },
];

export const SAMPLING_FIELDS = SAMPLING;
export const FIELDS: readonly FieldRule[] = [...SAMPLING, ...STOPPING, ...SHAPE];

/** Fields of OpenAI's API that are not had here, with values that ask for something. */
export const NOT_HAD: readonly (readonly [name: string, value: unknown, api?: Api])[] = [
  ['tools', [{ type: 'function', function: { name: 'f', parameters: {} } }], 'chat'],
  ['tool_choice', 'required', 'chat'],
  ['tool_choice', { type: 'function', function: { name: 'f' } }, 'chat'],
  ['functions', [{ name: 'f' }], 'chat'],
  ['response_format', { type: 'json_object' }, 'chat'],
  ['response_format', { type: 'json_schema', json_schema: { name: 's', schema: {} } }, 'chat'],
  ['modalities', ['audio'], 'chat'],
  ['audio', { voice: 'alloy', format: 'wav' }, 'chat'],
  ['prediction', { type: 'content', content: 'x' }, 'chat'],
  ['best_of', 3, 'completions'],
  ['suffix', 'the end', 'completions'],
];
