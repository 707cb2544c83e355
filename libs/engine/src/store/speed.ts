import type { Tier, TierSpan } from '@longhaul/kv-core';

/** Weight of what was known before, per observation. */
const DECAY = 0.98;
const SMOOTHING = 0.3;
const DRIFT = 0.05;
const MICROS = 1e6;

/**
 * Time of computing a prompt, from the engine's own steps: `a * tokens + b * pairs`, where a pair is a token and one
 * before it. Least squares over recent steps.
 */
export class PrefillSpeed {
  #tt = 0;
  #tp = 0;
  #pp = 0;
  #tm = 0;
  #pm = 0;

  get measured(): boolean {
    return this.#tt > 0;
  }

  /** A step of prompts only. @param pairs sum over its tokens of the tokens before each. */
  observe(step: { tokens: number; pairs: number; micros: number }): void {
    const { tokens, pairs, micros } = step;
    this.#tt = DECAY * this.#tt + tokens * tokens;
    this.#tp = DECAY * this.#tp + tokens * pairs;
    this.#pp = DECAY * this.#pp + pairs * pairs;
    this.#tm = DECAY * this.#tm + tokens * micros;
    this.#pm = DECAY * this.#pm + pairs * micros;
  }

  /** Microseconds to compute the tokens of [begin, end); 0 while nothing has been measured. */
  micros(begin: number, end: number): number {
    const tokens = end - begin;
    const pairs = (tokens * (begin + end)) / 2;
    const { a, b } = this.#fit();
    return a * tokens + b * pairs;
  }

  #fit(): { a: number; b: number } {
    if (!this.measured) return { a: 0, b: 0 };
    const determinant = this.#tt * this.#pp - this.#tp * this.#tp;
    // Steps of one depth do not tell the two apart: all of it is then the tokens' share.
    if (determinant > 1e-6 * this.#tt * this.#pp) {
      const a = (this.#tm * this.#pp - this.#pm * this.#tp) / determinant;
      const b = (this.#tt * this.#pm - this.#tp * this.#tm) / determinant;
      if (a > 0 && b >= 0) return { a, b };
    }
    return { a: this.#tm / this.#tt, b: 0 };
  }
}

/** Bytes per second at which blocks have arrived, by the tier they came from. */
export class LoadSpeed {
  readonly #bytesPerSecond = new Map<Tier, number>();

  observe(tier: Tier, bytes: number, micros: number): void {
    if (bytes <= 0 || micros <= 0) return;
    const now = (bytes * MICROS) / micros;
    const before = this.#bytesPerSecond.get(tier);
    this.#bytesPerSecond.set(tier, before === undefined ? now : before + SMOOTHING * (now - before));
  }

  bytesPerSecond(tier: Tier): number | null {
    return this.#bytesPerSecond.get(tier) ?? null;
  }

  /**
   * A span was found but not loaded, so that nothing new was learnt: what was measured drifts towards what the store
   * expects. Otherwise one slow load would be the last from its tier.
   */
  doubt({ tier, storedBytes, estimatedLoadMicros }: TierSpan): void {
    const measured = this.#bytesPerSecond.get(tier);
    if (measured === undefined || storedBytes <= 0) return;
    const expected = (storedBytes * MICROS) / Math.max(1, estimatedLoadMicros);
    this.#bytesPerSecond.set(tier, measured ** (1 - DRIFT) * expected ** DRIFT);
  }

  /** Expected time of a span; before anything was loaded from its tier, what the store expects. */
  micros(span: TierSpan): number {
    const speed = this.#bytesPerSecond.get(span.tier);
    return speed === undefined ? span.estimatedLoadMicros : (span.storedBytes * MICROS) / speed;
  }
}

/** How many of the last of `blocks` blocks are expected to arrive within a time. */
export function blocksLoadedWithin(
  micros: number,
  blocks: number,
  { spans, loadMicros }: { spans: readonly TierSpan[]; loadMicros: (span: TierSpan) => number },
): number {
  let left = micros;
  let count = 0;
  for (const span of [...spans].reverse()) {
    const each = loadMicros(span) / Math.max(1, span.count);
    for (let block = Math.min(blocks, span.first + span.count); block > span.first; block--) {
      left -= each;
      if (left < 0) return count;
      count++;
    }
  }
  return count;
}

/**
 * How many of the matched blocks to load: as many as save most time. Blocks cannot be left out in the middle, and late
 * ones cost most to compute, so a slow start may still be worth it.
 *
 * @param computeMicros time to compute block i of the match.
 */
export function blocksWorthLoading(
  spans: readonly TierSpan[],
  loadMicros: (span: TierSpan) => number,
  computeMicros: (block: number) => number,
): number {
  let best = 0;
  let bestSaving = 0;
  let saving = 0;
  for (const span of spans) {
    const each = loadMicros(span) / Math.max(1, span.count);
    for (let block = span.first; block < span.first + span.count; block++) {
      saving += computeMicros(block) - each;
      if (saving > bestSaving) [best, bestSaving] = [block + 1, saving];
    }
  }
  return best;
}
