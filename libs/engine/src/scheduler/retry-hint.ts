const SMOOTHING = 0.2;
const FIRST_GUESS_MS = 1000;
const MAX_MS = 60_000;

/** Guesses from the pace of finished requests when a full queue will have a place again. */
export class RetryHint {
  #lastMs: number | null = null;
  #intervalMs = FIRST_GUESS_MS;

  finished(nowMs: number): void {
    if (this.#lastMs !== null) this.#intervalMs += SMOOTHING * (nowMs - this.#lastMs - this.#intervalMs);
    this.#lastMs = nowMs;
  }

  /** Milliseconds until about half of the waiting requests are gone; 100 to 60,000. */
  afterMs(waiting: number): number {
    return Math.round(Math.min(MAX_MS, Math.max(100, (this.#intervalMs * Math.max(1, waiting)) / 2)));
  }
}
