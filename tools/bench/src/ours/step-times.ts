import { type AttentionStatistics, type StepResult } from '@longhaul/engine-native';
import { type Measured } from '../cases.js';

/** What the steps of one case took, and what their attention looked at. */
export class StepTimes {
  #ms = 0;
  #selectMs = 0;
  #visible = 0;
  #read = 0;

  /** Runs a step, and counts it from `step` being called until its promise settles. */
  async time(step: () => Promise<StepResult>): Promise<StepResult> {
    const started = performance.now();
    const result = await step();
    this.#ms += performance.now() - started;
    this.#count(result.attention);
    return result;
  }

  get ms(): number {
    return this.#ms;
  }

  /** @param threads that compute: the time for choosing is that of all of them. */
  measured(tokens: number, threads: number): Measured {
    const rates = { tokensPerSecond: (tokens * 1000) / this.#ms, rssBytes: process.memoryUsage.rss() };
    if (this.#visible === 0) return rates;
    const selectionShare = this.#selectMs / (this.#ms * threads);
    return { ...rates, selectionShare, readShare: this.#read / this.#visible };
  }

  #count({ selectMs, sequences }: AttentionStatistics): void {
    this.#selectMs += selectMs;
    for (const each of sequences) {
      this.#visible += each.prefillVisible + each.decodeVisible;
      this.#read += each.prefillRead + each.decodeRead;
    }
  }
}
