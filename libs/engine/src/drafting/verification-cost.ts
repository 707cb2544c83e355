import type { StepStats } from '../observer.js';

/** Weight of the past at each new step. */
const MEMORY = 0.98;
/** Steps before the fit is believed, and how much their sizes must differ (variance of tokens). */
const LEAST_WEIGHT = 8;
const LEAST_VARIANCE = 0.25;
/** One more token costs so much of a step's fixed time before anything has been measured. */
const PRIOR_RATIO = 0.1;

/**
 * What one more token costs in a step that reads the weights anyway: a line through time and tokens of the steps that had
 * no prompt, the latest most (least squares with forgetting).
 */
export class VerificationCost {
  #weight = 0;
  #tokens = 0;
  #ms = 0;
  #tokensSquared = 0;
  #product = 0;

  observe({ prefillTokens, decodeTokens, draftTokens, runMs, sampleMs }: StepStats): void {
    if (prefillTokens > 0) return;
    const tokens = decodeTokens + draftTokens;
    const ms = runMs + sampleMs;
    this.#weight = MEMORY * this.#weight + 1;
    this.#tokens = MEMORY * this.#tokens + tokens;
    this.#ms = MEMORY * this.#ms + ms;
    this.#tokensSquared = MEMORY * this.#tokensSquared + tokens * tokens;
    this.#product = MEMORY * this.#product + tokens * ms;
  }

  /**
   * The cost of a drafted token, by what it costs all who decode in the step: it makes their step longer as well. 1 where
   * time grows with every token, so that a batch which is bound by arithmetic drafts nothing.
   *
   * @param decodes sequences that get a token from the step.
   * @param tokens what the step computes without drafts.
   * @returns a share of the time that the step takes without it, times `decodes`; 0 or more.
   */
  relative(decodes: number, tokens: number): number {
    const ratio = this.#ratio();
    return ratio === Infinity ? decodes / tokens : (decodes * ratio) / (1 + ratio * tokens);
  }

  /** Time of a token by the time of a step without tokens; Infinity when that is nothing. */
  #ratio(): number {
    const variance = this.#tokensSquared * this.#weight - this.#tokens ** 2;
    if (this.#weight < LEAST_WEIGHT || variance < LEAST_VARIANCE * this.#weight ** 2) return PRIOR_RATIO;
    const slope = (this.#product * this.#weight - this.#tokens * this.#ms) / variance;
    const fixed = (this.#ms - slope * this.#tokens) / this.#weight;
    if (slope <= 0) return this.#ms > 0 ? 0 : PRIOR_RATIO;
    return fixed > 0 ? slope / fixed : Infinity;
  }
}
