/** Some samples of one token: how many, and their sum. */
export interface TokenSamples {
  readonly samples: number;
  readonly sum: number;
}

/** The latest samples of one choice's generated tokens: of as few of its tokens as have a number of samples together. */
export class MeanWindow {
  readonly #least: number;
  /** Oldest first; only of tokens with samples. */
  readonly #tokens: TokenSamples[] = [];

  /** @param least samples whose mean is judged: fewer say little of a policy. */
  constructor(least: number) {
    this.#least = least;
  }

  /**
   * The next generated token was sampled.
   *
   * @returns mean of the window; null while it is not full, and where the token has no sample.
   */
  add(token: TokenSamples): number | null {
    if (token.samples === 0) return null;
    this.#tokens.push(token);
    while (this.#samples() - (this.#tokens[0]?.samples ?? 0) >= this.#least) this.#tokens.shift();
    const samples = this.#samples();
    if (samples < this.#least) return null;
    return this.#tokens.reduce((total, { sum }) => total + sum, 0) / samples;
  }

  #samples(): number {
    return this.#tokens.reduce((total, { samples }) => total + samples, 0);
  }
}
