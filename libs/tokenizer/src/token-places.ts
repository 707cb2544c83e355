import type { Tokenizer } from './tokenizer.js';
import { Utf8Stream } from './utf8-stream.js';

export interface TokenPlacesOptions {
  /** Special tokens are part of the text. */
  includeSpecial: boolean;
  /** The tokens go on where other text ends, so a space in front of the first word is kept. */
  continuation: boolean;
}

/** Says where tokens stand in the text that they make together. Takes them one by one; holds a few numbers. */
export class TokenPlaces {
  readonly #tokenizer: Tokenizer;
  readonly #includeSpecial: boolean;
  readonly #utf8 = new Utf8Stream();
  #codePoints = 0;
  #isFirst: boolean;
  #spacesToDrop: number;

  constructor(tokenizer: Tokenizer, { includeSpecial, continuation }: TokenPlacesOptions) {
    this.#tokenizer = tokenizer;
    this.#includeSpecial = includeSpecial;
    this.#isFirst = !continuation;
    this.#spacesToDrop = continuation ? 0 : tokenizer.leadingSpaces;
  }

  /**
   * Takes the next token.
   *
   * @returns where its text begins, in code points. A token that goes on with a character begins where the character
   *   does; one that is not part of the text stands where the text would go on.
   */
  push(tokenId: number): number {
    if (!this.#includeSpecial && this.#tokenizer.isSpecial(tokenId)) return this.#codePoints;
    const bytes = this.#isFirst ? this.#tokenizer.firstTokenBytes(tokenId) : this.#tokenizer.tokenBytes(tokenId);
    this.#isFirst = false;
    const [first] = bytes;
    const begin = this.#codePoints + (first !== undefined && this.#utf8.isCutBy(first) ? 1 : 0);
    this.#codePoints += this.#counted(this.#utf8.push(bytes));
    return begin;
  }

  #counted(text: string): number {
    if (text === '') return 0;
    const dropped = this.#spacesToDrop > 0 && text.startsWith(' ') ? 1 : 0;
    this.#spacesToDrop = 0;
    return codePointCount(text) - dropped;
  }
}

/** Characters as Python counts them. */
export function codePointCount(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) count += 1;
  return count;
}
