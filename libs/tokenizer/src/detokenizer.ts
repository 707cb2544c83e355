import type { Tokenizer } from './tokenizer.js';
import { Utf8Stream } from './utf8-stream.js';

export interface DetokenizerOptions {
  /** Special tokens are part of the text. Default false. */
  includeSpecial?: boolean;
  /**
   * The tokens go on where other text ends (an answer after its prompt), so a space in front of the first word is kept.
   * Default false: the tokens are a text of their own, and the stream equals `decode` of them all.
   */
  continuation?: boolean;
}

/** Turns generated tokens into text one by one. */
export interface Detokenizer {
  /** The text that this token makes certain; empty while a character is incomplete. Never splits a character. */
  push(tokenId: number): string;
  /** What is left at the end: U+FFFD for an unfinished character, or nothing. */
  finish(): string;
}

class StreamDetokenizer implements Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #includeSpecial: boolean;
  readonly #utf8 = new Utf8Stream();
  #firstToken: boolean;
  #spacesToDrop: number;

  constructor(tokenizer: Tokenizer, options: DetokenizerOptions) {
    const continuation = options.continuation ?? false;
    this.#tokenizer = tokenizer;
    this.#includeSpecial = options.includeSpecial ?? false;
    this.#firstToken = !continuation;
    this.#spacesToDrop = continuation ? 0 : tokenizer.leadingSpaces;
  }

  push(tokenId: number): string {
    if (!this.#includeSpecial && this.#tokenizer.isSpecial(tokenId)) return '';
    const first = this.#firstToken;
    this.#firstToken = false;
    const bytes = first ? this.#tokenizer.firstTokenBytes(tokenId) : this.#tokenizer.tokenBytes(tokenId);
    return this.#withoutLeadingSpace(this.#utf8.push(bytes));
  }

  finish(): string {
    return this.#withoutLeadingSpace(this.#utf8.finish());
  }

  #withoutLeadingSpace(text: string): string {
    if (text === '' || this.#spacesToDrop === 0) return text;
    this.#spacesToDrop = 0;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}

/** One per choice of a request. Holds at most 3 bytes. */
export function createDetokenizer(tokenizer: Tokenizer, options: DetokenizerOptions = {}): Detokenizer {
  return new StreamDetokenizer(tokenizer, options);
}
