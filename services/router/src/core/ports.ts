import type { FinishReason, GenerationUsage, TokenizerFiles } from '@longhaul/inference';

/** One message, in the words that chat templates know. */
export interface ChatMessage {
  role: string;
  content: string;
  /** Who speaks, beside the role; templates may use it. */
  name?: string;
  /** What the assistant thought before it answered; templates of reasoning models use it. */
  reasoning_content?: string;
}

export interface TextOptions {
  /** The tokens that the tokenizer itself puts round a text. A BOS that the text begins with is not put there again. */
  addSpecialTokens: boolean;
  /** Special tokens spelled in the text are read as such; otherwise they are letters like all others. */
  parseSpecialTokens: boolean;
}

export interface ChatOptions {
  /** The prompt ends with the opening of the assistant's turn. */
  addGenerationPrompt: boolean;
  /** The last message stays open, so that the answer goes on with it. Not together with `addGenerationPrompt`. */
  continueFinalMessage: boolean;
  /** More variables for the template (`enable_thinking`); JSON values. They replace none of the template's own. */
  variables: Readonly<Record<string, unknown>>;
}

/** Text to tokens and back, for one model. Encoding long texts gives the event loop its turns. */
export interface TextCodec {
  /** Token ids of a plain text. */
  encode(text: string, options: TextOptions, signal?: AbortSignal): Promise<Int32Array>;
  /**
   * Token ids of a conversation in the model's chat template. Special tokens spelled in messages or variables are
   * letters, always.
   *
   * @throws AppError `CHAT_TEMPLATE_MISSING` or `CHAT_TEMPLATE_FAILED` naming `messages`.
   */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions, signal?: AbortSignal): Promise<Int32Array>;
  decode(tokenIds: readonly number[], skipSpecialTokens: boolean): string;
  /** The same text in pieces that each cost little to make; no piece ends inside a character. */
  decodeSlices(tokenIds: readonly number[], skipSpecialTokens: boolean): Iterable<string>;
  /** One token alone; bytes that are no whole character show as U+FFFD in `text`. */
  token(tokenId: number): { text: string; bytes: Uint8Array; isSpecial: boolean };
  /** Where tokens stand in the text that they make together. */
  places(options: PlacesOptions): TokenPlaces;
  /** Frees what it holds; calls under way are refused. */
  close(): void;
}

export interface PlacesOptions {
  /** Special tokens are part of the text. */
  includeSpecial: boolean;
  /** The tokens go on where other text ends. */
  continuation: boolean;
}

export interface TokenPlaces {
  /** Takes the next token; where its text begins, in code points. A part of a character begins where that does. */
  push(tokenId: number): number;
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
