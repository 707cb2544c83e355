import OpenAI from 'openai';
import { AppError } from '@longhaul/kernel';
import type { Connection } from '../with-client.js';
import { ANSWER_TOKENS } from './document-of-length.js';
import { watchPrefill } from './watch-prefill.js';

/** How attention is computed: a preset by name, or a policy as a JSON object. */
export type DemoAttention = string | object;

/** What `usage.longhaul` says that is shown here. */
export interface AttentionSeen {
  readonly policy: string;
  readonly density: { readonly prefill: number; readonly decode: number };
  readonly fallbacks: number;
}

export interface Answer {
  readonly text: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly ttftMs: number;
  readonly totalMs: number;
  /** Null where the server does not tell. */
  readonly attention: AttentionSeen | null;
}

/** Fields that OpenAI's API does not have. */
export interface Extras {
  readonly longhaul?: { readonly attention: DemoAttention };
  /** Requests with other salts share no KV. */
  readonly cache_salt?: string;
}

export interface Question {
  readonly document: string;
  readonly text: string;
  /** What else goes into the request. */
  readonly extras: Extras;
  /** Draws a bar for so many tokens; null draws none. */
  readonly prefillTokens: number | null;
}

type Usage = OpenAI.CompletionUsage & { longhaul?: AttentionSeen | null };

/** Asks one question over a document and measures the answer. */
export async function askOver({ client, model, url }: Connection, question: Question): Promise<Answer> {
  const started = performance.now();
  const watch = question.prefillTokens === null ? null : watchPrefill(url, question.prefillTokens);
  const stream = await client.chat.completions.create(requestOf(model, question)).catch(refused);
  let text = '';
  let ttftMs = 0;
  let usage: Usage | null = null;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content ?? '';
    if (piece && ttftMs === 0) {
      ttftMs = performance.now() - started;
      watch?.();
    }
    text += piece;
    usage = chunk.usage ?? usage;
  }
  watch?.();
  return { text, ttftMs, totalMs: performance.now() - started, ...countsOf(usage) };
}

/**
 * Asks for one token under a policy, so that one that the server refuses is known before a long document is read.
 *
 * @throws AppError with what the server says.
 */
export async function requirePolicy({ client, model }: Connection, attention: DemoAttention): Promise<void> {
  const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: 'x' }];
  const ours = { longhaul: { attention } };
  await client.chat.completions.create({ model, messages, max_tokens: 1, ...ours }).catch(refused);
}

/** What a server says to a request that it does not take is all that there is to say. */
function refused(error: unknown): never {
  if (!(error instanceof OpenAI.APIError) || error.status === undefined) throw error;
  throw new AppError({ code: 'INVALID_ARGUMENT', reason: 'REFUSED', message: error.message, cause: error });
}

function requestOf(
  model: string,
  { document, text, extras }: Question,
): OpenAI.Chat.ChatCompletionCreateParamsStreaming {
  const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: `${document}\n${text}` }];
  return {
    ...{ model, messages, stream: true, stream_options: { include_usage: true } },
    ...{ temperature: 0, max_tokens: ANSWER_TOKENS },
    ...extras,
  };
}

function countsOf(usage: Usage | null): Omit<Answer, 'text' | 'ttftMs' | 'totalMs'> {
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
    attention: usage?.longhaul ?? null,
  };
}
