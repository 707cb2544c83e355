import { inferenceV1 } from '@longhaul/contracts';
import { ANSWERED, EITHER, refused, type ApiCase, type Expectation } from '../case.js';
import type { Random } from '../random.js';
import { anyApi, PATHS, post, smallBody } from './bodies.js';

type Json = Record<string, unknown>;

/** Of `needle-3m`. */
const LAYERS = 4;
const KV_HEADS = 2;
const MOST_TOKENS = 2 ** 24;
const GRPC_SHARE = 0.3;

const bounds = (random: Random) => ({
  phi: 'relu-split',
  channel: { kind: 'key-bounds' },
  ...random.pick([{}, { head_reduce: 'max' }, { head_reduce: 'sum' }, { head_reduce: 'vote' }]),
});
const reuse = (random: Random) =>
  random.pick([
    {},
    { reuse: { kind: 'always' } },
    { reuse: { kind: 'every', steps: random.integer(1, 256) } },
    { reuse: { kind: 'cosine', at_least: random.share() } },
  ]);
const around = (random: Random) => [
  { range: 'sink', tokens: random.size(1, 200) },
  { range: 'window', tokens: random.size(1, 500) },
];

const DECODE: readonly ((random: Random) => readonly Json[])[] = [
  (random) => [
    {
      range: 'all',
      scorer: bounds(random),
      selector: { rule: 'top-k', tokens: random.size(1024, 65_536) },
      ...random.pick([{}, { unit: { kind: 'page', tokens: 16 * random.integer(1, 64) } }]),
      ...reuse(random),
    },
  ],
  (random) => [...around(random), { range: 'middle', selector: { rule: random.pick(['none', 'all']) } }],
  (random) => [
    ...around(random),
    {
      range: 'middle',
      scorer: { phi: 'identity', channel: { kind: 'keys' }, head_reduce: 'vote' },
      selector: random.pick([
        { rule: 'top-k', tokens: random.size(1024, 65_536) },
        { rule: 'top-cdf', mass: 0.9 },
      ]),
      ...reuse(random),
    },
  ],
];
const PREFILL: readonly ((random: Random) => readonly Json[])[] = [
  (random) => [
    { range: 'sink', tokens: random.size(1, 200) },
    {
      range: 'middle',
      scorer: { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: random.pick([4, 8, 16]) },
      selector: { rule: 'top-cdf', mass: random.pick([1, 0.5, 1e-9, 0.95]) },
    },
  ],
  (random) => [...around(random), { range: 'middle', selector: { rule: random.pick(['none', 'all']) } }],
  (random) => [
    {
      range: 'all',
      scorer: { phi: 'last-queries', channel: { kind: 'keys' } },
      selector: random.pick([
        { rule: 'top-lines', verticals: random.integer(0, 1000), slashes: random.integer(0, 1000) },
        { rule: 'top-cdf', mass: 0.9, max_units: random.integer(1, 100) },
      ]),
    },
  ],
];

function plan(random: Random, phase: 'prefill' | 'decode'): Json {
  const from = random.integer(0, LAYERS - 1);
  return {
    phase,
    ...random.pick<Json>([
      {},
      { layers: [{ from }] },
      { layers: [{ from, to: LAYERS }] },
      { kv_heads: [random.integer(0, KV_HEADS - 1)] },
    ]),
    ...random.pick<Json>([{}, { dense_below: random.size(1, 1000) }]),
    branches: random.pick(phase === 'decode' ? DECODE : PREFILL)(random),
  };
}

/** What an audit holds the policy to. */
function bound(random: Random): Json {
  return random.pick<Json>([
    {},
    { audit: {} },
    { audit: { least_recall: random.share(), most_kl: 100 * random.share() } },
  ]);
}

function written(random: Random): Json {
  const plans = random.pick([
    [],
    [plan(random, 'decode')],
    [plan(random, 'prefill')],
    [plan(random, 'prefill'), plan(random, 'decode')],
  ]);
  return {
    plans,
    ...random.pick<Json>([{}, { name: random.letters(random.integer(1, 64)) }]),
    ...random.pick<Json>([{}, { skip_softmax: 100 * random.share() }]),
    ...random.pick<Json>([{}, { dense_below: random.pick([0, 1, 100, MOST_TOKENS]) }]),
    ...bound(random),
  };
}

/** What has to be taken by a server that allows everything. */
export function legalAttention(random: Random): unknown {
  const preset = random.pick(['dense', 'balanced', 'fast']);
  return random.pick([
    () => preset,
    () => ({ preset }),
    () => ({ preset, dense_below: random.pick([0, 1, 8192, MOST_TOKENS]), ...bound(random) }),
    () => written(random),
  ])();
}

const budget = (tokens: unknown) => ({
  phase: 'decode',
  branches: [
    {
      range: 'all',
      scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' } },
      selector: { rule: 'top-k', tokens },
    },
  ],
});

const PREFILL_ONLY = [
  {
    range: 'all',
    scorer: { phi: 'last-queries', channel: { kind: 'keys' } },
    selector: { rule: 'top-cdf', mass: 0.9 },
  },
];

/** What no server of this model takes, whoever asks. */
export const ILLEGAL_ATTENTION: readonly unknown[] = [
  ...['quest', '', 'Dense', 'custom', 'x'.repeat(1000), 1, 0, true, false, [], ['dense'], {}, { plans: {} }],
  ...[{ preset: 'quest' }, { preset: 'dense', plans: [] }, { preset: 'fast', dense_below: -1 }, { name: 'x' }],
  ...[-1, 0, 0.5, MOST_TOKENS + 1, '16', null, 1e308].map((tokens) => ({ plans: [budget(tokens)] })),
  ...[{ plans: [budget(64), budget(64)] }, { plans: Array.from({ length: 65 }, () => budget(64)) }],
  ...[{ kv_heads: [KV_HEADS] }, { kv_heads: [] }, { layers: [{ from: LAYERS }] }, { layers: [{ from: 2, to: 1 }] }].map(
    (place) => ({ plans: [{ ...budget(64), ...place }] }),
  ),
  { plans: [{ ...budget(64), gates: { heads: 'retrieval', sparsity: 0.5 } }] },
  { plans: [{ phase: 'decode', branches: PREFILL_ONLY }] },
  { plans: [{ phase: 'decode', branches: [{ range: 'sink', tokens: 4 }] }] },
  ...[
    { plans: [], skip_softmax: -1 },
    { plans: [], audit: { least_recall: 2 } },
    { preset: 'fast', audit: 1 },
  ],
  { plans: [], name: 'A B' },
  { plans: [], plan: [] },
  // Half a character, which no trailer of gRPC can have.
  { plans: [], '\ud800': 1 },
];

/** A legal policy of which one value, somewhere, is another one. */
function changed(value: unknown, random: Random): unknown {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0 || random.chance(0.2)) {
    return random.pick<unknown>([null, 0, -1, 1e308, '', 'all', [], {}, true, random.integer(0, 5000), value]);
  }
  const [key, inner] = random.pick(entries);
  const put = random.chance(0.1) ? undefined : changed(inner, random);
  if (Array.isArray(value)) return value.map((item: unknown, at) => (String(at) === key ? put : item));
  return Object.fromEntries(entries.map(([name, old]) => [name, name === key ? put : (old as unknown)]));
}

function sent(attention: unknown, random: Random, expect: Expectation): ApiCase {
  return random.chance(GRPC_SHARE) ? overGrpc(attention, expect) : overHttp(attention, random, expect);
}

function overHttp(attention: unknown, random: Random, expect: Expectation): ApiCase {
  const api = anyApi(random);
  return post(PATHS[api], { ...smallBody(api), longhaul: { attention } }, expect);
}

function overGrpc(attention: unknown, expect: Expectation): ApiCase {
  const text = typeof attention === 'string' ? attention : JSON.stringify(attention);
  const input = { $case: 'prompt', value: 'The river' } as const;
  const request = inferenceV1.GenerateRequest.fromPartial({ input, maxTokens: 1, attention: text });
  const message = inferenceV1.GenerateRequest.encode(request).finish();
  const method = '/longhaul.inference.v1.InferenceService/Generate';
  return { transport: 'grpc', method, message, metadata: {}, deadlineMs: null, cancelAfterMs: null, expect };
}

export function attentionLegal(random: Random): ApiCase {
  return sent(legalAttention(random), random, ANSWERED);
}

export function attentionIllegal(random: Random): ApiCase {
  const attention = random.pick(ILLEGAL_ATTENTION);
  // Over gRPC an empty text says nothing.
  const isGrpc = attention !== '' && random.chance(GRPC_SHARE);
  return isGrpc
    ? overGrpc(attention, refused('attention'))
    : overHttp(attention, random, refused('longhaul.attention'));
}

export function attentionChanged(random: Random): ApiCase {
  return sent(changed(written(random), random), random, EITHER);
}
