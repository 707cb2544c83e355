import { z } from 'zod';
import { checkTemplateVariables } from '../../core/template-variables.js';
import { isIntegerList, isPrompt, type Prompt } from './body-size.js';
import { chatMessage, NOT_SUPPORTED } from './chat-message-schema.js';

const optionalNumber = z.number().nullish();
const optionalInteger = z.int().nullish();
const optionalBoolean = z.boolean().nullish();

const tokenIds = z.custom<number[]>(isIntegerList, { error: 'must be an array of token ids' });

/** Up to 64 bits; what JSON's numbers cannot tell apart is the same seed. */
const seed = z.custom<number>((value) => Number.isInteger(value), { error: 'must be a whole number' });

const streamOptions = z.strictObject({
  include_usage: optionalBoolean,
  include_obfuscation: optionalBoolean,
  continuous_usage_stats: z
    .custom<false>((value) => value === false, { error: 'is not supported', params: NOT_SUPPORTED })
    .nullish(),
});

/** Sampling, stopping and our extension fields: the same in both generation APIs. */
const common = {
  model: z.string().nullish(),
  stream: optionalBoolean,
  stream_options: streamOptions.nullish(),
  n: optionalInteger,
  max_tokens: optionalInteger,
  temperature: optionalNumber,
  top_p: optionalNumber,
  presence_penalty: optionalNumber,
  frequency_penalty: optionalNumber,
  logit_bias: z.record(z.string().regex(/^\d{1,9}$/, 'keys must be token ids'), z.number()).nullish(),
  seed: seed.nullish(),
  stop: z.union([z.string(), z.array(z.string())], { error: 'must be a string or an array of strings' }).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  top_k: optionalInteger,
  min_p: optionalNumber,
  repetition_penalty: optionalNumber,
  ignore_eos: optionalBoolean,
  min_tokens: optionalInteger,
  stop_token_ids: tokenIds.nullish(),
  include_stop_str_in_output: optionalBoolean,
  skip_special_tokens: optionalBoolean,
  prompt_logprobs: optionalInteger,
  priority: optionalInteger,
  cache_salt: z.string().nullish(),
};

/** How a conversation becomes a prompt. */
const template = {
  messages: z.array(chatMessage).min(1, 'must have at least one message'),
  add_generation_prompt: optionalBoolean,
  continue_final_message: optionalBoolean,
  chat_template_kwargs: z
    .custom<object | null | undefined>()
    .transform((value) => (value ? checkTemplateVariables('chat_template_kwargs', value) : null))
    .optional(),
};

/** What is ours alone. Strict, with room for more. */
const textOptions = { parse_special_tokens: optionalBoolean };
const longhaul = z
  .strictObject({
    ...textOptions,
    // A preset or a whole policy; what is wrong with it is said by its own rules.
    attention: z.unknown().optional(),
    quality: z.string().nullish(),
    speculation: z.strictObject({ kind: z.string(), max_draft_tokens: optionalInteger }).nullish(),
  })
  .nullish();

export const chatRequestSchema = z.strictObject({
  ...common,
  ...template,
  longhaul,
  max_completion_tokens: optionalInteger,
  logprobs: optionalBoolean,
  top_logprobs: optionalInteger,
});

export const completionRequestSchema = z.strictObject({
  ...common,
  longhaul,
  prompt: z.custom<Prompt>(isPrompt, {
    error: 'must be a string, an array of strings, an array of token ids or an array of such arrays',
  }),
  logprobs: z
    .union([z.int(), z.literal(false)], { error: 'must be a whole number' })
    .nullish()
    .transform((value) => (value === false ? null : value)),
  echo: optionalBoolean,
  add_special_tokens: optionalBoolean,
});

export const tokenizeRequestSchema = z.strictObject({
  ...template,
  model: z.string().nullish(),
  prompt: z.string().nullish(),
  messages: template.messages.nullish(),
  add_special_tokens: optionalBoolean,
  return_token_strs: optionalBoolean,
  longhaul: z.strictObject(textOptions).nullish(),
});

export const detokenizeRequestSchema = z.strictObject({ model: z.string().nullish(), tokens: tokenIds });

export type ChatRequest = z.output<typeof chatRequestSchema>;
export type CompletionRequest = z.output<typeof completionRequestSchema>;
export type TokenizeRequest = z.output<typeof tokenizeRequestSchema>;
export type CommonRequest = Pick<ChatRequest & CompletionRequest, keyof typeof common | 'longhaul'>;
