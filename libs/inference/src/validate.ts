import { DENSE, parsePolicy, type PolicySpec } from '@longhaul/attention';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { checkQuality } from './kv-identity.js';
import type { GenerationRequest, SamplingParams, StopParams } from './request.js';
import { checkSpeculation } from './speculation.js';

/** What a request is checked against. */
export interface RequestLimits {
  contextLength: number;
  vocabSize: number;
}

/** Bounds that do not depend on the model; the edge and the engine check against the same. */
export const requestBounds = {
  choices: 16,
  /** What fits the wire. */
  tokens: 2 ** 31 - 1,
  logprobs: 20,
  stopStrings: 16,
  stopStringCharacters: 256,
  stopTokens: 64,
  logitBiasEntries: 1024,
  logitBias: 100,
  requestIdCharacters: 128,
  cacheSaltCharacters: 256,
  tenantCharacters: 64,
  priority: 2 ** 31 - 1,
} as const;

export interface NumberRange {
  least: number;
  most: number;
  /** The lower end itself is not allowed. */
  open?: boolean;
}

/**
 * What each number may be. Within these ranges no logit that a model computes leaves f32: a repetition penalty of 1e-39
 * would divide it into infinity.
 */
export const samplingRanges = {
  temperature: { least: 0, most: 2 },
  topP: { least: 0, most: 1, open: true },
  minP: { least: 0, most: 1 },
  repetitionPenalty: { least: 0.01, most: 100 },
  presencePenalty: { least: -2, most: 2 },
  frequencyPenalty: { least: -2, most: 2 },
} as const satisfies Partial<Record<keyof SamplingParams, NumberRange>>;

/** The fields of `samplingRanges` as callers spell them. */
export const samplingFieldNames = {
  temperature: 'temperature',
  topP: 'top_p',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
} as const satisfies Record<keyof typeof samplingRanges, string>;

/** A seed fits 64 bits, with or without a sign. */
export function isSeed(seed: bigint): boolean {
  return seed >= -(2n ** 63n) && seed < 2n ** 64n;
}

/**
 * The error for a prompt and an answer that do not fit the context together. Its first sentence is the one by which
 * clients tell this error from others.
 *
 * @param maxTokens undefined where the caller takes what the context leaves.
 */
export function contextLengthExceeded(
  field: string,
  { contextLength, promptTokens, maxTokens }: { contextLength: number; promptTokens: number; maxTokens?: number },
): AppError {
  const wanted = maxTokens === undefined ? 'at least 1' : String(maxTokens);
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    message:
      `This model's maximum context length is ${contextLength} tokens. The prompt has ${promptTokens} tokens and the ` +
      `answer asks for ${wanted}. Shorten the prompt or lower max_tokens.`,
    field,
    details: { contextLength, promptTokens, maxTokens: maxTokens ?? 1 },
  });
}

/**
 * Checks every field of a request.
 *
 * @throws AppError INVALID_ARGUMENT naming field and limit; CONTEXT_LENGTH_EXCEEDED as reason when prompt and
 * max_tokens do not fit the context.
 */
export function validateGenerationRequest(request: GenerationRequest, limits: RequestLimits): void {
  text('request_id', request.requestId, { least: 1, most: requestBounds.requestIdCharacters });
  validateIdentity(request);
  integer('n', request.n, { least: 1, most: requestBounds.choices });
  integer('max_tokens', request.maxTokens, { least: 1, most: requestBounds.tokens });
  integer('priority', request.priority, { least: -requestBounds.priority, most: requestBounds.priority });
  if (request.logprobs !== null) integer('logprobs', request.logprobs, { least: 0, most: requestBounds.logprobs });
  if (request.promptLogprobs !== null) {
    integer('prompt_logprobs', request.promptLogprobs, { least: 0, most: requestBounds.logprobs });
  }
  if (request.deadlineMs !== null) number('deadline_ms', request.deadlineMs, { least: 0, most: Number.MAX_VALUE });
  if (request.speculation !== null) checkSpeculation(request.speculation, request.attention);
  validatePrompt(request, limits);
  validateSampling(request.sampling, limits);
  validateStop(request.stop, request.maxTokens, limits);
}

function validateIdentity({ tenant, cacheSalt, attention, quality }: GenerationRequest): void {
  text('tenant', tenant, { least: 1, most: requestBounds.tenantCharacters });
  text('cache_salt', cacheSalt, { least: 0, most: requestBounds.cacheSaltCharacters });
  checkAttention(attention);
  if (quality !== null) checkQuality('quality', quality);
}

/** Nearly every request has the one constant. */
function checkAttention(attention: PolicySpec): void {
  if (attention !== DENSE) parsePolicy('attention', attention);
}

function validatePrompt(request: GenerationRequest, { contextLength, vocabSize }: RequestLimits): void {
  const promptTokens = request.promptTokenIds.length;
  if (promptTokens === 0) throw invalidArgument('prompt', 'The prompt has no tokens.');
  const { maxTokens } = request;
  if (promptTokens + maxTokens > contextLength) {
    const field = promptTokens >= contextLength ? 'prompt' : 'max_tokens';
    throw contextLengthExceeded(field, { contextLength, promptTokens, maxTokens });
  }
  tokens('prompt', request.promptTokenIds, vocabSize);
}

const LOGIT_BIAS: NumberRange = { least: -requestBounds.logitBias, most: requestBounds.logitBias };

function validateSampling(sampling: SamplingParams, { vocabSize }: RequestLimits): void {
  for (const [key, range] of Object.entries(samplingRanges) as [keyof typeof samplingRanges, NumberRange][]) {
    number(samplingFieldNames[key], sampling[key], range);
  }
  integer('top_k', sampling.topK, { least: 0, most: requestBounds.tokens });
  if (!isSeed(sampling.seed)) throw invalidArgument('seed', 'seed must fit 64 bits.');
  const { logitBias } = sampling;
  count('logit_bias', logitBias.size, requestBounds.logitBiasEntries);
  tokens('logit_bias', [...logitBias.keys()], vocabSize);
  for (const value of logitBias.values()) number('logit_bias', value, LOGIT_BIAS);
}

function validateStop(stop: StopParams, maxTokens: number, { vocabSize }: RequestLimits): void {
  count('stop', stop.strings.length, requestBounds.stopStrings);
  for (const string of stop.strings) text('stop', string, { least: 1, most: requestBounds.stopStringCharacters });
  count('stop_token_ids', stop.tokenIds.length, requestBounds.stopTokens);
  tokens('stop_token_ids', stop.tokenIds, vocabSize);
  integer('min_tokens', stop.minTokens, { least: 0, most: maxTokens });
}

function number(field: string, value: number, { least, most, open = false }: NumberRange): void {
  // Written so that NaN fails as well.
  const inside = value <= most && (open ? value > least : value >= least);
  if (inside) return;
  const range = `${open ? '(' : '['}${least}, ${most}]`;
  throw invalidArgument(field, `${field} is ${value}; it must be in ${range}.`, { least, most });
}

function integer(field: string, value: number, range: NumberRange): void {
  if (!Number.isInteger(value)) throw invalidArgument(field, `${field} is ${value}; it must be a whole number.`);
  number(field, value, range);
}

function text(field: string, value: string, { least, most }: NumberRange): void {
  if (value.length >= least && value.length <= most) return;
  throw invalidArgument(field, `${field} has ${value.length} characters; ${least} to ${most} are allowed.`, {
    least,
    most,
  });
}

function count(field: string, length: number, most: number): void {
  if (length > most)
    throw invalidArgument(field, `${field} has ${length} entries; at most ${most} are allowed.`, { most });
}

function tokens(field: string, ids: ArrayLike<number>, vocabSize: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw invalidArgument(field, `${field} holds token ${id}; the vocabulary has tokens 0 to ${vocabSize - 1}.`, {
      vocabSize,
    });
  }
}
