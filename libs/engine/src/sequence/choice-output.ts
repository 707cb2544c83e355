import type { GenerationRequest } from '@longhaul/inference';
import type { Detokenizer, StopMatcher } from '../ports.js';

/** Text ready to be shown, and the stop string it ran into. */
export interface Emission {
  text: string;
  stopped: string | null;
}

/** Turns the tokens of one choice into text: detokenises, then looks for stop strings. */
export class ChoiceOutput {
  readonly #detokenizer: Detokenizer;
  readonly #matcher: StopMatcher | null;
  readonly #minTokens: number;
  #tokens = 0;

  /** @param matcher null when the request has no stop strings. */
  constructor(request: GenerationRequest, detokenizer: Detokenizer, matcher: StopMatcher | null) {
    this.#detokenizer = detokenizer;
    this.#matcher = matcher;
    this.#minTokens = request.stop.minTokens;
  }

  /** Takes a token that is part of the text. */
  push(token: number): Emission {
    this.#tokens++;
    return this.#match(this.#detokenizer.push(token));
  }

  /** The rest, when no token follows. It may still complete a stop string. */
  finish(): Emission {
    const last = this.#match(this.#detokenizer.finish());
    if (last.stopped !== null || this.#matcher === null) return last;
    return { text: last.text + this.#matcher.finish(), stopped: null };
  }

  #match(text: string): Emission {
    // Like the end tokens, stop strings count only after the asked-for minimum.
    if (this.#matcher === null || this.#tokens < this.#minTokens) return { text, stopped: null };
    return this.#matcher.push(text);
  }
}
