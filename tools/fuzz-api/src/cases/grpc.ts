import { inferenceV1 } from '@longhaul/contracts';
import { ANSWERED, EITHER, refused, type Expectation, type GrpcCase } from '../case.js';
import type { Random } from '../random.js';
import { VOCABULARY } from './fields.js';
import { randomText } from './texts.js';

type GenerateFields = Parameters<typeof inferenceV1.GenerateRequest.fromPartial>[0];
type Input = GenerateFields['input'];

const SERVICE = '/longhaul.inference.v1.InferenceService';
/** What a message asks for that was changed at random may take long; its caller does not wait. */
const RANDOM_DEADLINE_MS = 2000;
const PROMPT = { $case: 'prompt', value: 'The river' } as const;

function generate(fields: GenerateFields, expect: Expectation): GrpcCase {
  const request = inferenceV1.GenerateRequest.fromPartial({ input: PROMPT, maxTokens: 1, ...fields });
  return call('Generate', inferenceV1.GenerateRequest.encode(request).finish(), expect);
}

function call(method: string, message: Uint8Array, expect: Expectation): GrpcCase {
  const path = `${SERVICE}/${method}`;
  return { transport: 'grpc', method: path, message, metadata: {}, deadlineMs: null, cancelAfterMs: null, expect };
}

function legalRequest(random: Random): GenerateFields {
  const input = random.pick<Input>([
    PROMPT,
    { $case: 'prompt', value: randomText(random) },
    { $case: 'chat', value: { messages: [{ role: 'user', content: randomText(random) }] } },
    { $case: 'tokens', value: { tokenIds: [random.integer(0, VOCABULARY - 1)] } },
  ]);
  const sampling = random.pick([
    {},
    { temperature: 5e-324, topP: 1e-39 },
    { temperature: 2, topK: VOCABULARY, minP: 1, seed: 2n ** 64n - 1n },
    { repetitionPenalty: 0.01, presencePenalty: -2, frequencyPenalty: 2 },
    { repetitionPenalty: 100, logitBias: { 5: -100, 6: 100 } },
  ]);
  return {
    input,
    sampling,
    maxTokens: random.integer(1, 2),
    n: random.integer(0, 2),
    logprobs: random.pick([undefined, 0, 5]),
  };
}

export function grpcLegal(random: Random): GrpcCase {
  return generate(legalRequest(random), ANSWERED);
}

const ILLEGAL: readonly (readonly [string, GenerateFields])[] = [
  ...[NaN, Infinity, -1, 2.1, 1e308].map((temperature) => ['temperature', { sampling: { temperature } }] as const),
  ...[NaN, -0.1, 1.1, Infinity].map((topP) => ['top_p', { sampling: { topP } }] as const),
  ...[NaN, -0.1, 1.1].map((minP) => ['min_p', { sampling: { minP } }] as const),
  ...[0, 1e-39, 0.009, 100.1, NaN, -Infinity].map(
    (repetitionPenalty) => ['repetition_penalty', { sampling: { repetitionPenalty } }] as const,
  ),
  ...[-2.1, 2.1, NaN].map((presencePenalty) => ['presence_penalty', { sampling: { presencePenalty } }] as const),
  ...[-2.1, 2.1, NaN].map((frequencyPenalty) => ['frequency_penalty', { sampling: { frequencyPenalty } }] as const),
  ...[101, -101, NaN, Infinity].map((bias) => ['logit_bias', { sampling: { logitBias: { 5: bias } } }] as const),
  ['logit_bias', { sampling: { logitBias: { [VOCABULARY]: 1 } } }],
  ['n', { n: 1000 }],
  ['max_tokens', { maxTokens: 0 }],
  ['max_tokens', { maxTokens: 2 ** 32 - 1 }],
  ['logprobs', { logprobs: 1000 }],
  ['prompt_logprobs', { promptLogprobs: 1000 }],
  ['priority', { priority: -(2 ** 31) }],
  ['stop', { stop: { strings: [''] } }],
  ['stop', { stop: { strings: ['x'.repeat(300)] } }],
  ['stop_token_ids', { stop: { tokenIds: [VOCABULARY] } }],
  ['min_tokens', { stop: { minTokens: 5 } }],
  ['input', { input: undefined }],
  ['messages', { input: { $case: 'chat', value: { messages: [] } } }],
  ['role', { input: { $case: 'chat', value: { messages: [{ role: 'robot', content: 'a' }] } } }],
  ['prompt', { input: { $case: 'prompt', value: '' } }],
  ['prompt', { input: { $case: 'tokens', value: { tokenIds: [] } } }],
  ['prompt', { input: { $case: 'tokens', value: { tokenIds: [VOCABULARY] } } }],
  ['', { model: 'other' }],
  ['', { requestId: 'a b' }],
  ['', { requestId: 'x'.repeat(500) }],
];

export function grpcIllegal(random: Random): GrpcCase {
  const [field, fields] = random.pick(ILLEGAL);
  return generate(fields, refused(field === '' ? undefined : field));
}

const METHODS = ['Generate', 'Tokenize', 'ModelInfo'];

/** Bytes that are no message. */
export function grpcGarbage(random: Random): GrpcCase {
  const message = random.pick([
    () => random.bytes(random.size(1, 300)),
    () => Buffer.alloc(random.size(1, 3000), 0xff),
    () => Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    () => Buffer.concat(Array.from({ length: random.size(1, 3000) }, () => Buffer.from([0x0b]))),
    () => Buffer.from([0x0a, 0x03, 0xff, 0xfe, 0xfd]),
  ])();
  return { ...call(random.pick(METHODS), message, EITHER), deadlineMs: RANDOM_DEADLINE_MS };
}

/** A legal message with some bytes changed, put in or taken out. */
export function grpcMutated(random: Random): GrpcCase {
  const legal = generate(legalRequest(random), EITHER);
  let bytes = Buffer.from(legal.message);
  for (let count = random.integer(1, 4); count > 0; count--) {
    const at = random.integer(0, bytes.length - 1);
    const put = random.pick([[], [random.integer(0, 255)], [random.integer(0, 255), bytes[at] ?? 0]]);
    bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + 1)]);
  }
  return { ...legal, message: bytes, deadlineMs: RANDOM_DEADLINE_MS };
}

/** The caller cancels, or its deadline passes. */
export function grpcCancelled(random: Random): GrpcCase {
  const sent = generate({ maxTokens: random.integer(1, 60), stop: { ignoreEos: true } }, EITHER);
  return random.chance(0.5)
    ? { ...sent, cancelAfterMs: random.integer(0, 40) }
    : { ...sent, deadlineMs: random.integer(1, 40) };
}

const NO_METHODS = [
  `${SERVICE}/Nothing`,
  '/longhaul.inference.v1.Other/Generate',
  '/',
  '/a',
  '/a/b/c',
  '/%00/%ff',
  '//',
];

/** Methods that are not there, metadata that means nothing. */
export function grpcOdd(random: Random): GrpcCase {
  if (random.chance(0.3)) return { ...generate({}, refused()), method: random.pick(NO_METHODS) };
  const metadata = random.pick<Record<string, string>>([
    { 'x-request-id': 'a b' },
    { 'x-request-id': 'fine' },
    { authorization: 'Bearer x' },
    { traceparent: 'nonsense' },
    { 'grpc-timeout-x': '1' },
    { 'x-long': 'x'.repeat(4000) },
    { tracestate: ',,,' },
  ]);
  return { ...generate({}, EITHER), metadata };
}
