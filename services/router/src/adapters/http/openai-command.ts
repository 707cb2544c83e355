import { parsePolicy } from '@longhaul/attention';
import {
  checkQuality,
  checkSpeculationKind,
  draftTokenBounds,
  type SamplingParams,
  type Speculation,
  type StopParams,
} from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import type { GenerateCommand, PromptInput } from '../../core/command.js';
import { checkInteger, MAX_LOGPROBS } from '../../core/limits.js';
import { completeChatOptions } from '../../core/chat-options.js';
import type { TextOptions } from '../../core/ports.js';
import type { Tenant } from '../../core/tenants/tenant.js';
import type { ChatRequest, CommonRequest, CompletionRequest, TokenizeRequest } from './openai-schema.js';
import { isGiven, notSupported } from './parse-body.js';

/** What the connection, not the body, says about a request. */
export interface RequestOrigin {
  requestId: string;
  tenant: Tenant;
  /** A point of the monotonic clock. */
  deadlineMs: number;
}

const MAX_PROMPTS = 32;

/** A chat request as one command. */
export function chatCommand(body: ChatRequest, origin: RequestOrigin): GenerateCommand {
  if ((body.top_logprobs ?? 0) !== 0 && body.logprobs !== true) {
    throw invalidArgument('top_logprobs', 'top_logprobs needs logprobs to be true.');
  }
  if (isGiven(body.top_logprobs)) checkInteger('top_logprobs', body.top_logprobs, [0, MAX_LOGPROBS]);
  if (
    isGiven(body.max_tokens) &&
    isGiven(body.max_completion_tokens) &&
    body.max_tokens !== body.max_completion_tokens
  ) {
    throw invalidArgument('max_tokens', 'max_tokens and max_completion_tokens differ; give one of them.');
  }
  return {
    ...commonCommand(body, origin),
    input: chatInput(body.messages, body),
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
  };
}

/** A completion request as one command per prompt. */
export function completionCommands(body: CompletionRequest, origin: RequestOrigin): GenerateCommand[] {
  const inputs = promptInputs(body.prompt, textOptions(body));
  if (inputs.length === 0) throw invalidArgument('prompt', 'prompt must have at least one entry.');
  if (inputs.length > MAX_PROMPTS)
    throw invalidArgument('prompt', `prompt has more than ${MAX_PROMPTS} entries.`, { max: MAX_PROMPTS });
  const base = commonCommand(body, origin);
  const scoresPrompt = body.echo === true && isGiven(body.logprobs);
  const scoreOnly = body.max_tokens === 0;
  if (scoreOnly && body.echo !== true && !isGiven(body.prompt_logprobs)) {
    throw invalidArgument(
      'max_tokens',
      'max_tokens must be at least 1 where neither echo nor prompt_logprobs is given.',
    );
  }
  return inputs.map((input) => ({
    ...base,
    input,
    maxTokens: scoreOnly ? 1 : (body.max_tokens ?? DEFAULT_COMPLETION_TOKENS),
    scoreOnly,
    logprobs: body.logprobs ?? null,
    promptLogprobs: base.promptLogprobs ?? (scoresPrompt ? (body.logprobs ?? null) : null),
  }));
}

/** What OpenAI's completions API generates when it is not told. */
const DEFAULT_COMPLETION_TOKENS = 16;

/**
 * A conversation as a prompt.
 *
 * @throws AppError `NOT_SUPPORTED` for special tokens in messages, `INVALID_ARGUMENT` for options that contradict.
 */
export function chatInput(
  messages: ChatRequest['messages'],
  body: Pick<ChatRequest, 'add_generation_prompt' | 'continue_final_message' | 'chat_template_kwargs' | 'longhaul'>,
): PromptInput {
  if (body.longhaul?.parse_special_tokens === true) {
    const message = 'Special tokens spelled in messages are never read as such; render the prompt yourself.';
    throw notSupported('longhaul.parse_special_tokens', message);
  }
  const options = completeChatOptions({
    addGenerationPrompt: body.add_generation_prompt,
    continueFinalMessage: body.continue_final_message,
    variables: body.chat_template_kwargs,
  });
  return { kind: 'chat', messages, options };
}

/** A text as a prompt is encoded with the tokenizer's own special tokens, and may spell others, unless it is said. */
export function textOptions({
  add_special_tokens,
  longhaul,
}: Pick<TokenizeRequest, 'add_special_tokens' | 'longhaul'>): TextOptions {
  return {
    addSpecialTokens: add_special_tokens ?? true,
    parseSpecialTokens: longhaul?.parse_special_tokens ?? true,
  };
}

function commonCommand(body: CommonRequest, origin: RequestOrigin): Omit<GenerateCommand, 'input'> {
  const asksOfStream = Object.values(body.stream_options ?? {}).includes(true);
  if (asksOfStream && body.stream !== true) {
    throw invalidArgument('stream_options', 'stream_options needs stream to be true.');
  }
  if (isGiven(body.prompt_logprobs) && body.stream === true) {
    throw notSupported('prompt_logprobs', 'prompt_logprobs is not supported with stream.');
  }
  return {
    ...origin,
    model: body.model ?? undefined,
    n: body.n ?? 1,
    maxTokens: undefined,
    scoreOnly: false,
    sampling: sampling(body),
    stop: stopParams(body),
    logprobs: null,
    promptLogprobs: body.prompt_logprobs ?? null,
    includeSpecialTokens: body.skip_special_tokens === false,
    priority: body.priority ?? 0,
    cacheSalt: body.cache_salt ?? '',
    ...exactness(body.longhaul ?? {}),
    speculation: speculation(body.longhaul ?? {}),
  };
}

/** How attention is computed, and how exact the KV has to be. */
function exactness({
  attention,
  quality,
}: NonNullable<CommonRequest['longhaul']>): Pick<GenerateCommand, 'attention' | 'quality'> {
  return {
    attention: isGiven(attention) ? parsePolicy('longhaul.attention', attention) : null,
    quality: isGiven(quality) ? checkQuality('longhaul.quality', quality) : null,
  };
}

function speculation({ speculation: asked }: NonNullable<CommonRequest['longhaul']>): Speculation | null {
  if (!isGiven(asked)) return null;
  const kind = checkSpeculationKind('longhaul.speculation.kind', asked.kind);
  return { kind, maxDraftTokens: asked.max_draft_tokens ?? draftTokenBounds.unsaid };
}

function sampling(body: CommonRequest): Partial<SamplingParams> {
  const bias = Object.entries(body.logit_bias ?? {}).map(([id, value]) => [Number(id), value] as const);
  return withoutNull({
    temperature: body.temperature,
    topP: body.top_p,
    // vLLM's two ways to say: all tokens.
    topK: body.top_k === -1 ? 0 : body.top_k,
    minP: body.min_p,
    repetitionPenalty: body.repetition_penalty,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    logitBias: bias.length > 0 ? new Map(bias) : undefined,
    // -1 asks for any seed.
    seed: isGiven(body.seed) && body.seed !== -1 ? BigInt(body.seed) : undefined,
  });
}

function stopParams(body: CommonRequest): Partial<StopParams> {
  return withoutNull({
    strings: typeof body.stop === 'string' ? [body.stop] : body.stop,
    tokenIds: body.stop_token_ids,
    includeStopString: body.include_stop_str_in_output,
    ignoreEos: body.ignore_eos,
    minTokens: body.min_tokens,
  });
}

function promptInputs(prompt: CompletionRequest['prompt'], options: TextOptions): PromptInput[] {
  if (typeof prompt === 'string') return [{ kind: 'text', text: prompt, options }];
  const numbers = prompt.filter((item) => typeof item === 'number');
  if (numbers.length > 0) return [{ kind: 'tokens', tokenIds: numbers }];
  return prompt.flatMap((item): PromptInput[] => {
    if (typeof item === 'string') return [{ kind: 'text', text: item, options }];
    return typeof item === 'number' ? [] : [{ kind: 'tokens', tokenIds: item }];
  });
}

type WithoutNull<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> };

function withoutNull<T extends object>(fields: T): WithoutNull<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isGiven(value))) as WithoutNull<T>;
}
