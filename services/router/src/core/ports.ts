import type { FinishReason, GenerationUsage, TokenizerFiles } from '@longhaul/inference';

export interface ChatMessage {
  role: string;
  content: string;
}

/** Text to tokens and back, for one model. Encoding long texts gives the event loop its turns. */
export interface TextCodec {
  /** Token ids of a plain text; with special tokens the model's BOS comes first where it uses one. */
  encode(text: string, addSpecialTokens: boolean, signal?: AbortSignal): Promise<Int32Array>;
  /**
   * Token ids of a conversation in the model's chat template, ready for the assistant's turn.
   *
   * @throws AppError `CHAT_TEMPLATE_MISSING` or `CHAT_TEMPLATE_FAILED` naming `messages`.
   */
  encodeChat(messages: readonly ChatMessage[], signal?: AbortSignal): Promise<Int32Array>;
  decode(tokenIds: readonly number[], skipSpecialTokens: boolean): string;
  /** One token alone; bytes that are no whole character show as U+FFFD in `text`. */
  token(tokenId: number): { text: string; bytes: Uint8Array };
}

export type CodecFactory = (files: TokenizerFiles) => TextCodec;

/** What happens to a request, as metrics see it. Times are seconds. */
export interface RequestObserver {
  firstToken(model: string, waitS: number): void;
  nextTokens(model: string, gapS: number): void;
  choiceFinished(model: string, reason: FinishReason): void;
  requestFinished(model: string, usage: GenerationUsage, totalS: number): void;
  requestFailed(model: string, reason: string, totalS: number): void;
  requestRejected(reason: string): void;
  clientLost(reason: 'DISCONNECTED' | 'STALLED'): void;
}
