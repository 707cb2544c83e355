import { AppError, invalidArgument } from '@longhaul/kernel';
import type { GenerationRequest, SamplingParams, StopParams } from './request.js';

/** What a request is checked against. */
export interface RequestLimits {
  contextLength: number;
  vocabSize: number;
}

/** Bounds that do not depend on the model. */
export const requestBounds = {
  choices: 16,
  logprobs: 20,
  stopStrings: 16,
  stopStringCharacters: 256,
  stopTokens: 64,
  logitBiasEntries: 1024,
  requestIdCharacters: 128,
  cacheSaltCharacters: 256,
  priority: 1_000_000,
} as const;

/**
 * Checks every field of a request.
 *
 * @throws AppError INVALID_ARGUMENT naming field and limit; CONTEXT_LENGTH_EXCEEDED as reason when prompt and
 * max_tokens do not fit the context.
 */
export function validateGenerationRequest(request: GenerationRequest, limits: RequestLimits): void {
  text('request_id', request.requestId, { least: 1, most: requestBounds.requestIdCharacters });
  text('cache_salt', request.cacheSalt, { least: 0, most: requestBounds.cacheSaltCharacters });
  integer('n', request.n, { least: 1, most: requestBounds.choices });
  integer('max_tokens', request.maxTokens, { least: 1, most: Number.MAX_SAFE_INTEGER });
  integer('priority', request.priority, { least: -requestBounds.priority, most: requestBounds.priority });
  if (request.logprobs !== null) integer('logprobs', request.logprobs, { least: 0, most: requestBounds.logprobs });
  if (request.promptLogprobs !== null) {
    integer('prompt_logprobs', request.promptLogprobs, { least: 0, most: requestBounds.logprobs });
  }
  if (request.deadlineMs !== null) number('deadline_ms', request.deadlineMs, { least: 0, most: Number.MAX_VALUE });
  validatePrompt(request, limits);
  validateSampling(request.sampling, limits);
  validateStop(request.stop, request.maxTokens, limits);
}

interface Range {
  least: number;
  most: number;
  /** The lower end itself is not allowed. */
  open?: boolean;
}

function validatePrompt(request: GenerationRequest, { contextLength, vocabSize }: RequestLimits): void {
  const promptTokens = request.promptTokenIds.length;
  if (promptTokens === 0) throw invalidArgument('prompt', 'The prompt has no tokens.');
  const { maxTokens } = request;
  if (promptTokens + maxTokens > contextLength) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'CONTEXT_LENGTH_EXCEEDED',
      field: promptTokens >= contextLength ? 'prompt' : 'max_tokens',
      message:
        `The context is ${contextLength} tokens; the prompt has ${promptTokens} ` +
        `and max_tokens asks for ${maxTokens} more.`,
      details: { contextLength, promptTokens, maxTokens },
    });
  }
  tokens('prompt', request.promptTokenIds, vocabSize);
}

function validateSampling(sampling: SamplingParams, { vocabSize }: RequestLimits): void {
  number('temperature', sampling.temperature, { least: 0, most: 2 });
  number('top_p', sampling.topP, { least: 0, most: 1, open: true });
  integer('top_k', sampling.topK, { least: 0, most: 2 ** 31 - 1 });
  number('min_p', sampling.minP, { least: 0, most: 1 });
  number('repetition_penalty', sampling.repetitionPenalty, { least: 0, most: 2, open: true });
  number('presence_penalty', sampling.presencePenalty, { least: -2, most: 2 });
  number('frequency_penalty', sampling.frequencyPenalty, { least: -2, most: 2 });
  if (sampling.seed < -(2n ** 63n) || sampling.seed >= 2n ** 64n) {
    throw invalidArgument('seed', 'seed must fit 64 bits.');
  }
  const { logitBias } = sampling;
  count('logit_bias', logitBias.size, requestBounds.logitBiasEntries);
  tokens('logit_bias', [...logitBias.keys()], vocabSize);
  for (const value of logitBias.values()) number('logit_bias', value, { least: -100, most: 100 });
}

function validateStop(stop: StopParams, maxTokens: number, { vocabSize }: RequestLimits): void {
  count('stop', stop.strings.length, requestBounds.stopStrings);
  for (const string of stop.strings) text('stop', string, { least: 1, most: requestBounds.stopStringCharacters });
  count('stop_token_ids', stop.tokenIds.length, requestBounds.stopTokens);
  tokens('stop_token_ids', stop.tokenIds, vocabSize);
  integer('min_tokens', stop.minTokens, { least: 0, most: maxTokens });
}

function number(field: string, value: number, { least, most, open = false }: Range): void {
  // Written so that NaN fails as well.
  const inside = value <= most && (open ? value > least : value >= least);
  if (inside) return;
  const range = `${open ? '(' : '['}${least}, ${most}]`;
  throw invalidArgument(field, `${field} is ${value}; it must be in ${range}.`, { least, most });
}

function integer(field: string, value: number, range: Range): void {
  if (!Number.isInteger(value)) throw invalidArgument(field, `${field} is ${value}; it must be a whole number.`);
  number(field, value, range);
}

function text(field: string, value: string, { least, most }: Range): void {
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
