import {
  contextLengthExceeded,
  type GenerationRequest,
  type ModelInfo,
  type SamplingParams,
  type StopParams,
} from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import type { GenerateCommand, PromptInput } from './command.js';
import { checkCommand, checkTokenIds } from './limits.js';
import type { ServedModel } from './served-model.js';

/** What the edge chooses, so that nothing here is random. */
export interface RequestIdentity {
  /** Unique among the requests in flight. */
  requestId: string;
  /** Noise key where the caller gave no seed. */
  seed: bigint;
  signal?: AbortSignal;
}

/**
 * Turns a command into what the engine takes: templated, tokenised, defaults filled in, checked.
 *
 * @throws AppError naming the field; `CONTEXT_LENGTH_EXCEEDED` with the numbers instead of a truncation.
 */
export async function buildRequest(
  command: GenerateCommand,
  served: ServedModel,
  identity: RequestIdentity,
): Promise<GenerationRequest> {
  const { info } = served;
  const attention = served.attention.choose(command.attention, command.tenant);
  checkCommand(command, { vocabSize: info.vocabSize, attention });
  const promptTokenIds = await encodePrompt(command.input, served, identity.signal);
  const maxTokens = fitContext(promptTokenIds.length, command, info.contextLength);
  const stop = completeStop(command.stop);
  if (stop.minTokens > maxTokens) {
    throw invalidArgument('min_tokens', `min_tokens (${stop.minTokens}) is more than max_tokens (${maxTokens}).`);
  }
  return {
    requestId: identity.requestId,
    promptTokenIds,
    tenant: command.tenant.id,
    cacheSalt: command.cacheSalt,
    attention: attention.spec,
    quality: command.quality,
    n: command.n,
    maxTokens,
    sampling: completeSampling(command.sampling, info.defaults, identity.seed),
    stop,
    logprobs: command.logprobs,
    promptLogprobs: command.promptLogprobs,
    includeSpecialTokens: command.includeSpecialTokens,
    speculation: command.speculation,
    priority: command.priority,
    deadlineMs: command.deadlineMs,
  };
}

/** Token ids of any kind of prompt; an empty prompt is refused. */
export async function encodePrompt(input: PromptInput, model: ServedModel, signal?: AbortSignal): Promise<Int32Array> {
  const tokenIds = await encodeInput(input, model, signal);
  if (tokenIds.length === 0) {
    const field = promptField(input);
    throw invalidArgument(field, `${field} has no tokens; at least one is needed.`);
  }
  return tokenIds;
}

async function encodeInput(
  input: PromptInput,
  { codec, info }: ServedModel,
  signal?: AbortSignal,
): Promise<Int32Array> {
  switch (input.kind) {
    case 'chat':
      return codec.encodeChat(input.messages, input.options, signal);
    case 'text':
      return codec.encode(input.text, input.options, signal);
    case 'tokens':
      checkTokenIds('prompt', input.tokenIds, info.vocabSize);
      return Int32Array.from(input.tokenIds);
  }
}

/** The field that holds a prompt of this kind, as callers spell it. */
function promptField(input: PromptInput): string {
  return input.kind === 'chat' ? 'messages' : 'prompt';
}

function fitContext(promptTokens: number, command: GenerateCommand, contextLength: number): number {
  const { maxTokens: asked, input } = command;
  const room = contextLength - promptTokens;
  if (room >= (asked ?? 1)) return asked ?? room;
  const numbers = { contextLength, promptTokens, ...(asked === undefined ? {} : { maxTokens: asked }) };
  throw contextLengthExceeded(room < 1 ? promptField(input) : 'max_tokens', numbers);
}

function completeSampling(
  asked: Partial<SamplingParams>,
  defaults: ModelInfo['defaults'],
  seed: bigint,
): SamplingParams {
  return {
    temperature: asked.temperature ?? defaults.temperature ?? 1,
    topP: asked.topP ?? defaults.topP ?? 1,
    topK: asked.topK ?? defaults.topK ?? 0,
    minP: asked.minP ?? defaults.minP ?? 0,
    repetitionPenalty: asked.repetitionPenalty ?? defaults.repetitionPenalty ?? 1,
    presencePenalty: asked.presencePenalty ?? 0,
    frequencyPenalty: asked.frequencyPenalty ?? 0,
    logitBias: asked.logitBias ?? new Map(),
    seed: BigInt.asUintN(64, asked.seed ?? seed),
  };
}

function completeStop(asked: Partial<StopParams>): StopParams {
  return {
    strings: asked.strings ?? [],
    tokenIds: asked.tokenIds ?? [],
    includeStopString: asked.includeStopString ?? false,
    ignoreEos: asked.ignoreEos ?? false,
    minTokens: asked.minTokens ?? 0,
  };
}
