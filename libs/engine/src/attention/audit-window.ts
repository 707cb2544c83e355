import type { AuditStatistics } from '../ports.js';

/** Samples whose mean is judged: fewer say little of a policy. */
const WINDOW_SAMPLES = 6;

/** The latest samples of one choice's generated tokens: of as few of its tokens as have {@link WINDOW_SAMPLES} together. */
export class AuditWindow {
  /** Oldest first; only of tokens with samples. */
  readonly #tokens: AuditStatistics[] = [];

  /**
   * The next generated token was audited.
   *
   * @returns mean recall of the window; null while it is not full, and where the token has no sample.
   */
  add(token: AuditStatistics): number | null {
    if (token.samples === 0) return null;
    this.#tokens.push(token);
    while (this.#samples() - (this.#tokens[0]?.samples ?? 0) >= WINDOW_SAMPLES) this.#tokens.shift();
    const samples = this.#samples();
    if (samples < WINDOW_SAMPLES) return null;
    return this.#tokens.reduce((sum, { recallSum }) => sum + recallSum, 0) / samples;
  }

  #samples(): number {
    return this.#tokens.reduce((sum, { samples }) => sum + samples, 0);
  }
}
