export interface EncodeOptions {
  /** Put the tokenizer's own special tokens (BOS, EOS) around the text, as its post-processor says. Default true. */
  addSpecialTokens?: boolean;
  /**
   * Read special tokens that are spelled in the text (`<|im_end|>`) as such. Default false: text from a user must not
   * be able to write control tokens. On for rendered chat templates.
   */
  parseSpecial?: boolean;
  /**
   * Offsets in the text (UTF-16 units, ascending) where a special token is spelled but is to be read as plain text.
   * Comes with `RenderedPrompt`; only of use with `parseSpecial`.
   */
  literalOffsets?: ArrayLike<number>;
}

export interface EncodeAsyncOptions extends EncodeOptions {
  signal?: AbortSignal;
  /** Milliseconds of work between two turns of the event loop; default 5. */
  sliceMs?: number;
}

export interface DecodeOptions {
  /** Leave out special tokens. Default true. */
  skipSpecial?: boolean;
}

/**
 * Text to token ids and back, exactly as Hugging Face `tokenizers` does it for the same tokenizer.json. Immutable to its
 * callers; any number of encodes may be under way.
 */
export interface Tokenizer {
  /** Highest id + 1. A model's logits may be wider (padding). */
  readonly vocabSize: number;
  /** From tokenizer_config.json; null where it names none. */
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  /** Spaces that decoding takes off the start of a text, because encoding puts one there: 0 or 1. */
  readonly leadingSpaces: 0 | 1;

  /**
   * Near linear in the length of the text, whatever the text is.
   *
   * @throws AppError INVALID_ARGUMENT for more than 33,554,432 UTF-16 units, TEXT_RUN_TOO_LONG, FOREIGN_PATTERN where
   *   there are `foreignPatterns` and the tokenizer was not made to run them
   */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** The same ids without holding the event loop for long. Rejects with CANCELLED when the signal is aborted. */
  encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<Int32Array>;
  /**
   * Bytes that are not UTF-8 become U+FFFD as in the WHATWG decoder. An id without a token gives nothing.
   *
   * @throws AppError INVALID_ARGUMENT for a number that is not a token id (negative, not an integer)
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;

  /** The same text in pieces, each from at most 1,024 tokens; no piece ends inside a character. */
  decodeSlices(ids: Iterable<number>, options?: DecodeOptions): Generator<string, void>;

  /** Raw bytes of a token; may be part of a character. Empty for an id without a token. Do not write to it. */
  tokenBytes(id: number): Uint8Array;
  /** Raw bytes of a token that begins a text; differs from `tokenBytes` where a mark for a space is dropped there. */
  firstTokenBytes(id: number): Uint8Array;
  /** A token as text, for people (log-probabilities): lossy where it is part of a character. */
  tokenString(id: number): string;
  /** A token as the vocabulary spells it (`Ġthe`, `▁the`), or null. */
  vocabularyString(id: number): string | null;
  /** Id of a token as the vocabulary spells it, or null. */
  id(token: string): number | null;
  isSpecial(id: number): boolean;
  /**
   * Spellings that text from a user must not be read as: the special tokens and other added tokens in the forms `<|…|>`
   * and `<｜…｜>`. A chat template adds those that it writes itself.
   */
  readonly controlTokens: readonly string[];
  /** Spellings of all added tokens, special or not. */
  readonly addedTokens: readonly string[];
  /**
   * Expressions of the checkpoint, as it spells them, that are none of the known ones and may take any time to match.
   * Where there are any, texts are encoded in a sandbox.
   */
  readonly foreignPatterns: readonly string[];
}
