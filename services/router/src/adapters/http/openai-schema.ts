import { z } from 'zod';
import { isIntegerList, isPrompt, type Prompt } from './body-size.js';

const optionalNumber = z.number().nullish();
const optionalInteger = z.int().nullish();
const optionalBoolean = z.boolean().nullish();

const tokenIds = z.custom<number[]>(isIntegerList, { error: 'must be an array of token ids' });

/** Sampling, stopping and our extension fields: the same in both generation APIs. */
const common = {
  model: z.string().nullish(),
  stream: optionalBoolean,
  stream_options: z.strictObject({ include_usage: optionalBoolean, include_obfuscation: optionalBoolean }).nullish(),
  n: optionalInteger,
  max_tokens: optionalInteger,
  temperature: optionalNumber,
  top_p: optionalNumber,
  presence_penalty: optionalNumber,
  frequency_penalty: optionalNumber,
  logit_bias: z.record(z.string().regex(/^\d{1,9}$/, 'keys must be token ids'), z.number()).nullish(),
  seed: optionalInteger,
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

const contentPart = z.looseObject({ type: z.string(), text: z.string().optional() }).transform((part, context) => {
  if (part.type === 'text' && part.text !== undefined) return part.text;
  const message =
    part.type === 'text'
      ? 'needs a text'
      : `has type '${part.type.slice(0, 32)}', which is not supported; only 'text' parts are`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const chatMessage = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant'], {
    error: "must be 'system', 'developer', 'user' or 'assistant'; tool calls are not supported",
  }),
  content: z.union([z.string(), z.array(contentPart).transform((parts) => parts.join(''))], {
    error: (issue) => partMessage(issue) ?? 'must be a string or an array of text parts',
  }),
  refusal: z.null().optional(),
});

export const chatRequestSchema = z.strictObject({
  ...common,
  messages: z.array(chatMessage).min(1, 'must have at least one message'),
  max_completion_tokens: optionalInteger,
  logprobs: optionalBoolean,
  top_logprobs: optionalInteger,
});

export const completionRequestSchema = z.strictObject({
  ...common,
  prompt: z.custom<Prompt>(isPrompt, {
    error: 'must be a string, an array of strings, an array of token ids or an array of such arrays',
  }),
  logprobs: optionalInteger,
  echo: optionalBoolean,
});

export const tokenizeRequestSchema = z.strictObject({
  model: z.string().nullish(),
  prompt: z.string().optional(),
  messages: z.array(chatMessage).min(1, 'must have at least one message').optional(),
  add_special_tokens: z.boolean().default(true),
  return_token_strs: z.boolean().default(false),
});

export const detokenizeRequestSchema = z.strictObject({ model: z.string().nullish(), tokens: tokenIds });

export type ChatRequest = z.output<typeof chatRequestSchema>;
export type CompletionRequest = z.output<typeof completionRequestSchema>;
export type CommonRequest = Pick<ChatRequest & CompletionRequest, keyof typeof common>;

/** The reason inside a failed union, where it is one of ours about a content part. */
function partMessage(issue: { code?: string; errors?: unknown }): string | undefined {
  if (issue.code !== 'invalid_union' || !Array.isArray(issue.errors)) return undefined;
  const all = (issue.errors as { code: string; path: PropertyKey[]; message: string }[][]).flat();
  const own = all.find((nested) => nested.code === 'custom');
  return own && `part ${String(own.path[0])} ${own.message}`;
}
