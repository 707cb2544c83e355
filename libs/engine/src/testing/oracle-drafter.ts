import type { GenerationRequest } from '@longhaul/inference';
import type { OpenDrafter } from '../drafting/drafter.js';
import { expectedTokens } from './fixtures.js';
import { mix, VOCAB } from './simulated-runner.js';

/** Everything that the simulated model will say, so that drafts are right, or wrong where a test wants them to be. */
export class Oracle {
  readonly #answers: number[][] = [];
  /** Whether the drafted token at this position of a text is to be wrong. */
  wrongAt: (position: number) => boolean = () => false;
  /** Times that a drafter was asked. */
  asked = 0;

  /** To be called before the request is submitted. */
  know(request: GenerationRequest): GenerationRequest {
    for (let choice = 0; choice < request.n; choice++) {
      this.#answers.push([...request.promptTokenIds, ...expectedTokens(request, choice)]);
    }
    return request;
  }

  readonly open: OpenDrafter = () => ({
    bytes: 0,
    propose: (text, most) => {
      this.asked++;
      const answer = this.#answers.find((tokens) => text.every((token, i) => tokens[i] === token)) ?? [];
      const next = answer.slice(text.length, text.length + most);
      return Int32Array.from(next, (token, i) => (this.wrongAt(text.length + i) ? (token + 1) % VOCAB : token));
    },
  });
}

/** Proposes tokens that have nothing to do with the text, also some that the model does not have. */
export const randomDrafter: OpenDrafter = () => ({
  bytes: 0,
  propose: (text, most) => Int32Array.from({ length: most }, (_, i) => (mix(text.length, i) % (VOCAB + 2)) - 1),
});
