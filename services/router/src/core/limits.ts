import type { CompiledPolicy } from '@longhaul/attention';
import {
  checkSpeculation,
  isSeed,
  requestBounds,
  samplingFieldNames,
  samplingRanges,
  worseQuality,
  type NumberRange,
  type QualityName,
  type SamplingParams,
  type StopParams,
} from '@longhaul/inference';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { ChosenAttention } from './attention/served-attention.js';
import type { GenerateCommand } from './command.js';

export const MAX_LOGPROBS = requestBounds.logprobs;

/** What a request is checked against. */
export interface CommandLimits {
  vocabSize: number;
  /** How its attention is computed. */
  attention: ChosenAttention;
}

/**
 * Checks all that does not depend on the prompt.
 *
 * @throws AppError `INVALID_ARGUMENT` naming field and limit, `QUALITY_NOT_AVAILABLE`.
 */
export function checkCommand(command: GenerateCommand, { vocabSize, attention }: CommandLimits): void {
  const { spec, compiled } = attention;
  const { tokens, priority, cacheSaltCharacters } = requestBounds;
  checkInteger('n', command.n, [1, requestBounds.choices]);
  if (command.maxTokens !== undefined) checkInteger('max_tokens', command.maxTokens, [1, tokens]);
  if (command.logprobs !== null) checkInteger('logprobs', command.logprobs, [0, MAX_LOGPROBS]);
  if (command.promptLogprobs !== null) checkInteger('prompt_logprobs', command.promptLogprobs, [0, MAX_LOGPROBS]);
  checkInteger('priority', command.priority, [-priority, priority]);
  if (command.cacheSalt.length > cacheSaltCharacters) {
    throw invalidArgument('cache_salt', `cache_salt has more than ${cacheSaltCharacters} characters.`);
  }
  if (command.quality !== null) requireQuality(command.quality, compiled);
  if (command.speculation !== null) checkSpeculation(command.speculation, spec);
  checkSampling(command.sampling, vocabSize);
  checkStop(command.stop, vocabSize);
}

/** What the KV type takes away beside the policy is the engine's to know. */
function requireQuality(asked: QualityName, { name, quality: given }: CompiledPolicy): void {
  if (worseQuality(asked, given) === asked) return;
  throw new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'QUALITY_NOT_AVAILABLE',
    message: `quality is ${asked}; answers of the policy ${name} are ${given}. Ask for ${given}, or for another policy.`,
    field: 'quality',
    details: { asked, given },
  });
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

/** Checks the numbers that a caller, or a server's own defaults, may set. */
export function checkSamplingNumbers(sampling: Partial<SamplingParams>): void {
  for (const [key, range] of Object.entries(samplingRanges) as [keyof typeof samplingRanges, NumberRange][]) {
    const value = sampling[key];
    if (value !== undefined) checkNumber(samplingFieldNames[key], value, range);
  }
  if (sampling.topK !== undefined) checkInteger('top_k', sampling.topK, [0, requestBounds.tokens]);
}

function checkSampling(sampling: Partial<SamplingParams>, vocabSize: number): void {
  checkSamplingNumbers(sampling);
  if (sampling.seed !== undefined && !isSeed(sampling.seed)) throw invalidArgument('seed', 'seed must fit in 64 bits.');
  const { logitBiasEntries, logitBias: most } = requestBounds;
  const bias = sampling.logitBias ?? new Map<number, number>();
  if (bias.size > logitBiasEntries) {
    throw invalidArgument('logit_bias', `logit_bias has more than ${logitBiasEntries} entries.`);
  }
  checkTokenIds('logit_bias', [...bias.keys()], vocabSize);
  for (const value of bias.values()) checkNumber('logit_bias', value, { least: -most, most });
}

function checkStop(stop: Partial<StopParams>, vocabSize: number): void {
  const { stopStrings, stopStringCharacters, stopTokens, tokens } = requestBounds;
  const strings = stop.strings ?? [];
  if (strings.length > stopStrings) throw invalidArgument('stop', `stop has more than ${stopStrings} strings.`);
  if (strings.some((text) => text.length === 0 || text.length > stopStringCharacters)) {
    throw invalidArgument('stop', `Each stop string must have 1 to ${stopStringCharacters} characters.`);
  }
  if ((stop.tokenIds ?? []).length > stopTokens) {
    throw invalidArgument('stop_token_ids', `stop_token_ids has more than ${stopTokens} entries.`);
  }
  checkTokenIds('stop_token_ids', stop.tokenIds ?? [], vocabSize);
  if (stop.minTokens !== undefined) checkInteger('min_tokens', stop.minTokens, [0, tokens]);
}

function checkNumber(field: string, value: number, { least, most, open = false }: NumberRange): void {
  // Written so that NaN fails as well.
  const inside = value <= most && (open ? value > least : value >= least);
  if (inside) return;
  const range = `${open ? '(' : '['}${least}, ${most}]`;
  throw invalidArgument(field, `${field} must be in ${range}.`, { min: least, max: most });
}

/** Throws `INVALID_ARGUMENT` naming the field and its range. */
export function checkInteger(field: string, value: number, [min, max]: readonly [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidArgument(field, `${field} must be a whole number from ${min} to ${max}.`, { min, max });
}
