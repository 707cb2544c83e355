import { codePointCount } from '@longhaul/tokenizer';
import type { TextCodec, TokenPlaces } from '../../core/ports.js';

export interface TextOffsetsOptions {
  /** What stands in front of the answer, or null. */
  echo: string | null;
  /** The answer shows special tokens. */
  includeSpecial: boolean;
}

/**
 * Where the tokens of one choice stand in its text, in code points. It follows the tokens and not the text that has
 * been sent, so a stream that holds text back says the same as a whole answer. The tokens of a stop string that is cut
 * off stand behind the end of the text.
 */
export class TextOffsets {
  readonly #codec: TextCodec;
  readonly #echo: string;
  readonly #echoLength: number;
  readonly #answer: TokenPlaces;

  constructor(codec: TextCodec, { echo, includeSpecial }: TextOffsetsOptions) {
    this.#codec = codec;
    this.#echo = echo ?? '';
    this.#echoLength = codePointCount(this.#echo);
    this.#answer = codec.places({ includeSpecial, continuation: true });
  }

  /** Of all tokens of the prompt. Those that the tokenizer put round the text are not in it. */
  ofPrompt(tokenIds: Iterable<number>): number[] {
    const places = this.#codec.places({ includeSpecial: true, continuation: false });
    let begun = false;
    return Array.from(tokenIds, (id) => {
      const { text, isSpecial } = this.#codec.token(id);
      begun ||= !isSpecial || this.#echo.startsWith(text);
      return begun ? Math.min(places.push(id), this.#echoLength) : 0;
    });
  }

  /** Of the next tokens of the answer. */
  ofAnswer(tokenIds: readonly number[]): number[] {
    return tokenIds.map((id) => this.#echoLength + this.#answer.push(id));
  }
}
