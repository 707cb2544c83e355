import type { TokenLogprob } from '@longhaul/inference';
import type { TextCodec } from '../../core/ports.js';

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
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

/** The parallel arrays of the completions API; `startOffset` is where the first token stands in the choice's text. */
export function completionLogprobs(
  codec: TextCodec,
  entries: readonly TokenLogprob[],
  startOffset: number,
): CompletionLogprobs {
  const result: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
  let offset = startOffset;
  for (const entry of entries) {
    const { text } = codec.token(entry.tokenId);
    result.tokens.push(text);
    result.token_logprobs.push(Number.isNaN(entry.logprob) ? null : finite(entry.logprob));
    const top = entry.top.map((item) => [codec.token(item.tokenId).text, finite(item.logprob)] as const);
    result.top_logprobs.push(top.length > 0 ? Object.fromEntries(top) : null);
    result.text_offset.push(offset);
    offset += text.length;
  }
  return result;
}

/** The extension field `prompt_logprobs`: per prompt token null or a map from token id to its log-probability. */
export function promptLogprobs(codec: TextCodec, entries: readonly (TokenLogprob | null)[]): unknown[] {
  return entries.map((entry) => {
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
