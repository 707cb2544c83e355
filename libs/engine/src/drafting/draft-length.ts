/** Weight of what was known before, at each drafted token that was judged. */
const MEMORY = 0.9;
/** What is expected of a drafter that nothing is known of. */
const PRIOR = 0.7;
/** Verifications in a row without an accepted token after which nothing is drafted for a while. */
const MOST_FAILURES = 3;
/** Steps of the first pause; each further one is twice as long, until something has been accepted. */
const FIRST_PAUSE = 16;
const LONGEST_PAUSE = 256;

/**
 * How many tokens to draft for one choice, by how often its drafts were right lately: as many as give most tokens for the
 * time of a step, or none for a while when that is none. A length of `n` gives (1 - a^(n+1)) / (1 - a) tokens on average
 * when each drafted token is right with probability `a` (Leviathan et al., "Fast inference from transformers via
 * speculative decoding", 2023).
 */
export class DraftLength {
  #rate = PRIOR;
  #failures = 0;
  #pause = 0;
  #nextPause = FIRST_PAUSE;

  /** Whether something may be drafted in this step; counts the steps of a pause. */
  ready(): boolean {
    if (this.#pause === 0) return true;
    this.#pause--;
    return false;
  }

  /**
   * @param most at least 1.
   * @param cost time of one more token in a step, as a share of what the step costs without.
   */
  choose(most: number, cost: number): number {
    let best = 0;
    let bestPace = 1;
    let chance = 1;
    let tokens = 1;
    for (let length = 1; length <= most; length++) {
      chance *= this.#rate;
      tokens += chance;
      const pace = tokens / (1 + cost * length);
      if (pace <= bestPace) continue;
      best = length;
      bestPace = pace;
    }
    if (best === 0) this.#rest();
    return best;
  }

  /** @param accepted of the drafted tokens; those after the first one that was wrong were not judged. */
  observe(drafted: number, accepted: number): void {
    for (let i = 0; i < accepted; i++) this.#rate = MEMORY * this.#rate + (1 - MEMORY);
    if (accepted < drafted) this.#rate *= MEMORY;
    if (accepted > 0) {
      this.#failures = 0;
      this.#nextPause = FIRST_PAUSE;
    } else if (++this.#failures >= MOST_FAILURES) this.#rest();
  }

  /** Afterwards it is tried again as if nothing were known: texts change. */
  #rest(): void {
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(LONGEST_PAUSE, 2 * this.#nextPause);
    this.#rate = PRIOR;
    this.#failures = 0;
  }
}
