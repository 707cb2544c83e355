import type { SamplingParams, StopParams } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import type { GenerateCommand } from './command.js';

type Range = readonly [field: string, min: number, max: number, open?: 'open'];

const SAMPLING_RANGES = {
  temperature: ['temperature', 0, 2],
  topP: ['top_p', 0, 1, 'open'],
  minP: ['min_p', 0, 1],
  repetitionPenalty: ['repetition_penalty', 0, 2, 'open'],
  presencePenalty: ['presence_penalty', -2, 2],
  frequencyPenalty: ['frequency_penalty', -2, 2],
} as const satisfies Partial<Record<keyof SamplingParams, Range>>;

const MAX_CHOICES = 16;
export const MAX_LOGPROBS = 20;
const MAX_BIASES = 1024;
const MAX_BIAS = 100;
const MAX_STOPS = 16;
const MAX_STOP_CHARACTERS = 256;
const MAX_PRIORITY = 1000;
const MAX_SALT_CHARACTERS = 256;
const MAX_SEED = 2n ** 63n;

/** Checks all that does not depend on the prompt. Throws `INVALID_ARGUMENT` naming field and limit. */
export function checkCommand(command: GenerateCommand, vocabSize: number): void {
  checkInteger('n', command.n, [1, MAX_CHOICES]);
  if (command.maxTokens !== undefined) checkInteger('max_tokens', command.maxTokens, [1, 2 ** 31 - 1]);
  if (command.logprobs !== null) checkInteger('logprobs', command.logprobs, [0, MAX_LOGPROBS]);
  if (command.promptLogprobs !== null) checkInteger('prompt_logprobs', command.promptLogprobs, [0, MAX_LOGPROBS]);
  checkInteger('priority', command.priority, [-MAX_PRIORITY, MAX_PRIORITY]);
  if (command.cacheSalt.length > MAX_SALT_CHARACTERS) {
    throw invalidArgument('cache_salt', `cache_salt has more than ${MAX_SALT_CHARACTERS} characters.`);
  }
  checkSampling(command.sampling, vocabSize);
  checkStop(command.stop, vocabSize);
}

/** Checks that every id is a token of the model. */
export function checkTokenIds(field: string, tokenIds: readonly number[], vocabSize: number): void {
  const at = tokenIds.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (at >= 0) {
    throw invalidArgument(field, `${field}[${at}] is not a token id of the model (0 to ${vocabSize - 1}).`, {
      vocabSize,
    });
  }
}

function checkSampling(sampling: Partial<SamplingParams>, vocabSize: number): void {
  for (const [key, range] of Object.entries(SAMPLING_RANGES)) {
    const value = sampling[key as keyof typeof SAMPLING_RANGES];
    if (value !== undefined) checkNumber(value, range);
  }
  if (sampling.topK !== undefined) checkInteger('top_k', sampling.topK, [0, vocabSize]);
  if (sampling.seed !== undefined && (sampling.seed < -MAX_SEED || sampling.seed >= 2n * MAX_SEED)) {
    throw invalidArgument('seed', 'seed must fit in 64 bits.');
  }
  const bias = sampling.logitBias ?? new Map<number, number>();
  if (bias.size > MAX_BIASES) throw invalidArgument('logit_bias', `logit_bias has more than ${MAX_BIASES} entries.`);
  checkTokenIds('logit_bias', [...bias.keys()], vocabSize);
  for (const value of bias.values()) checkNumber(value, ['logit_bias', -MAX_BIAS, MAX_BIAS]);
}

function checkStop(stop: Partial<StopParams>, vocabSize: number): void {
  const strings = stop.strings ?? [];
  if (strings.length > MAX_STOPS) throw invalidArgument('stop', `stop has more than ${MAX_STOPS} strings.`);
  if (strings.some((text) => text.length === 0 || text.length > MAX_STOP_CHARACTERS)) {
    throw invalidArgument('stop', `Each stop string must have 1 to ${MAX_STOP_CHARACTERS} characters.`);
  }
  if ((stop.tokenIds ?? []).length > MAX_BIASES) {
    throw invalidArgument('stop_token_ids', `stop_token_ids has more than ${MAX_BIASES} entries.`);
  }
  checkTokenIds('stop_token_ids', stop.tokenIds ?? [], vocabSize);
  if (stop.minTokens !== undefined) checkInteger('min_tokens', stop.minTokens, [0, 2 ** 31 - 1]);
}

function checkNumber(value: number, [field, min, max, open]: Range): void {
  const low = open ? value > min : value >= min;
  if (low && value <= max) return;
  throw invalidArgument(field, `${field} must be in ${open ? '(' : '['}${min}, ${max}].`, { min, max });
}

/** Throws `INVALID_ARGUMENT` naming the field and its range. */
export function checkInteger(field: string, value: number, [min, max]: readonly [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidArgument(field, `${field} must be a whole number from ${min} to ${max}.`, { min, max });
}
