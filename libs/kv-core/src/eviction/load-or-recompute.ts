import { kvErrors } from '../errors.js';

/** Consecutive matched blocks in one tier, as a lookup reports them. */
export interface LoadSpan {
  readonly blocks: number;
  /** Of all blocks of the span together. */
  readonly bytes: number;
  /** Measured, bytes per second into the worker's memory. */
  readonly bytesPerSecond: number;
  /** Measured time until the first byte, microseconds. */
  readonly roundTripMicros: number;
}

/** Measured prefill speed: a token at position `p` costs `baseMicros + positionMicros * p`. */
export interface PrefillSpeed {
  readonly baseMicros: number;
  readonly positionMicros: number;
}

export interface LoadQuestion {
  /** In chain order. */
  readonly spans: readonly LoadSpan[];
  readonly speed: PrefillSpeed;
  readonly blockTokens: number;
  /** Position of the first matched token; 0 for a whole prefix. */
  readonly firstPosition: number;
}

export interface LoadDecision {
  /** How many matched blocks to load, from the front; the rest is cheaper to compute. */
  readonly blocks: number;
  readonly loadMicros: number;
  /** Computing the matched blocks that are not loaded. */
  readonly recomputeMicros: number;
  /** Against computing all of them; never negative. */
  readonly savedMicros: number;
}

/**
 * How much of a match is worth loading. Blocks are loaded from the front without a hole, as the rest is computed upon
 * them; so the number is chosen for which loading and computing take least together. On a tie it loads fewer. Loading
 * and computing are taken to follow one another: overlapped, loading is at least as good as said here.
 *
 * @throws AppError `INVALID_ARGUMENT` for a figure that no measurement gives: negative, NaN, a bandwidth of zero.
 */
export function loadOrRecompute(question: LoadQuestion): LoadDecision {
  check(question);
  const total = question.spans.reduce((sum, span) => sum + span.blocks, 0);
  const all = prefillMicros(question, 0, total);
  let best: LoadDecision = { blocks: 0, loadMicros: 0, recomputeMicros: all, savedMicros: 0 };
  let loaded = 0;
  let before = 0;
  for (const span of question.spans) {
    const blockMicros = span.blocks === 0 ? 0 : ((span.bytes / span.blocks) * 1e6) / span.bytesPerSecond;
    for (let n = 1; n <= span.blocks; n++) {
      const loadMicros = before + span.roundTripMicros + n * blockMicros;
      const recomputeMicros = prefillMicros(question, loaded + n, total);
      const savedMicros = all - loadMicros - recomputeMicros;
      if (savedMicros > best.savedMicros) best = { blocks: loaded + n, loadMicros, recomputeMicros, savedMicros };
    }
    loaded += span.blocks;
    if (span.blocks > 0) before += span.roundTripMicros + span.blocks * blockMicros;
  }
  return best;
}

/** Time to compute blocks [begin, end) of the match: the sum of an arithmetic series. */
function prefillMicros({ speed, blockTokens, firstPosition }: LoadQuestion, begin: number, end: number): number {
  const tokens = (end - begin) * blockTokens;
  const first = firstPosition + begin * blockTokens;
  return tokens * (speed.baseMicros + speed.positionMicros * (first + (tokens - 1) / 2));
}

function check({ spans, speed, blockTokens, firstPosition }: LoadQuestion): void {
  const atLeast = (field: string, value: number, least: number): void => {
    if (value >= least && value < Infinity) return;
    throw kvErrors.argument(field, `${field} is ${value}; it must be finite and at least ${least}.`);
  };
  atLeast('blockTokens', blockTokens, 1);
  atLeast('firstPosition', firstPosition, 0);
  atLeast('speed.baseMicros', speed.baseMicros, 0);
  atLeast('speed.positionMicros', speed.positionMicros, 0);
  spans.forEach((span, i) => {
    atLeast(`spans[${i}].blocks`, span.blocks, 0);
    atLeast(`spans[${i}].bytes`, span.bytes, 0);
    atLeast(`spans[${i}].bytesPerSecond`, span.bytesPerSecond, Number.MIN_VALUE);
    atLeast(`spans[${i}].roundTripMicros`, span.roundTripMicros, 0);
  });
}
