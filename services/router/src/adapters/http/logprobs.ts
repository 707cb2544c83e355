import type { TokenLogprob } from '@longhaul/inference';
import type { TextCodec } from '../../core/ports.js';
import { LazyList } from './lazy-list.js';

/** JSON has no infinities; this is what other servers send for "never". */
const LOWEST = -9999;

export interface ChatLogprob {
  token: string;
  logprob: number;
  bytes: number[];
}

/** One entry of `choices[].logprobs.content`. */
export function chatLogprob(codec: TextCodec, entry: TokenLogprob): ChatLogprob & { top_logprobs: ChatLogprob[] } {
  return { ...one(codec, entry), top_logprobs: entry.top.map((top) => one(codec, top)) };
}

export interface CompletionLogprobs {
  tokens: LazyList<string>;
  token_logprobs: LazyList<number | null>;
  top_logprobs: LazyList<Record<string, number> | null>;
  text_offset: number[];
}

/** The parallel arrays of the completions API; `textOffsets` has one entry per token. */
export function completionLogprobs(
  codec: TextCodec,
  entries: readonly TokenLogprob[],
  textOffsets: readonly number[],
): CompletionLogprobs {
  return {
    tokens: LazyList.map(entries, ({ tokenId }) => tokenName(codec, tokenId)),
    token_logprobs: LazyList.map(entries, ({ logprob }) => (Number.isNaN(logprob) ? null : finite(logprob))),
    top_logprobs: LazyList.map(entries, ({ top }) => (top.length > 0 ? byName(codec, top) : null)),
    text_offset: [...textOffsets],
  };
}

/** Of tokens with the same name the likeliest stays: it comes first. */
function byName(codec: TextCodec, top: TokenLogprob['top']): Record<string, number> {
  const named = top.map(({ tokenId, logprob }) => [tokenName(codec, tokenId), finite(logprob)] as const);
  return Object.fromEntries(named.reverse());
}

/** A token that is no whole text is named by its bytes, as OpenAI does: its text would be that of many others. */
function tokenName(codec: TextCodec, tokenId: number): string {
  const { text, bytes } = codec.token(tokenId);
  if (!text.includes('\ufffd') || Buffer.from(bytes).equals(Buffer.from(text))) return text;
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
}

/** The extension field `prompt_logprobs`: per prompt token null or a map from token id to its log-probability. */
export function promptLogprobs(codec: TextCodec, entries: readonly (TokenLogprob | null)[]): LazyList<unknown> {
  return LazyList.map(entries, (entry) => {
    if (entry === null) return null;
    const all = [{ tokenId: entry.tokenId, logprob: entry.logprob }, ...entry.top];
    return Object.fromEntries(
      all.map(({ tokenId, logprob }) => [
        String(tokenId),
        { logprob: finite(logprob), decoded_token: codec.token(tokenId).text },
      ]),
    );
  });
}

function one(codec: TextCodec, { tokenId, logprob }: { tokenId: number; logprob: number }): ChatLogprob {
  const { text, bytes } = codec.token(tokenId);
  return { token: text, logprob: finite(logprob), bytes: [...bytes] };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : LOWEST;
}
