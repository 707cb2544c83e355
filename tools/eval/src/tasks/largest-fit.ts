import { AppError } from '@longhaul/kernel';

export interface Fit {
  /** Named in the error where nothing fits. */
  readonly task: string;
  /** Most tokens. */
  readonly budget: number;
  /** Fewest units that make a sample. */
  readonly least: number;
  /** Most units there are; Infinity for generated ones. */
  readonly most?: number;
  /** Tokens of the sample with so many units; grows with them but for a few tokens. */
  count(units: number): number;
}

/** Rounds of interpolation before halving takes over, which always ends. */
const ROUNDS = 12;

/**
 * The most units that fit: this many do and one more does not. Tokens grow nearly evenly with units, so interpolation
 * takes about five counts, whatever the length.
 *
 * @throws AppError `LENGTH_TOO_SHORT` with the tokens that the least needs.
 */
export function largestFit({ task, budget, least, most = Number.POSITIVE_INFINITY, count }: Fit): number {
  const smallest = count(least);
  if (smallest > budget) throw tooShort(task, smallest, budget);
  let fits = { units: least, tokens: smallest };
  let over = firstOver(fits, budget, most, count);
  if (over === null) return most;
  for (let round = 0; over.units - fits.units > 1; round++) {
    const width: number = over.units - fits.units;
    const share: number = round < ROUNDS ? (budget - fits.tokens) / (over.tokens - fits.tokens) : 0.5;
    const step: number = Math.min(width - 1, Math.max(1, Math.round(share * width)));
    const units: number = fits.units + step;
    const tokens = count(units);
    if (tokens <= budget) fits = { units, tokens };
    else over = { units, tokens };
  }
  return fits.units;
}

interface Counted {
  readonly units: number;
  readonly tokens: number;
}

/** Grows until the budget is passed; null where all there is fits. */
function firstOver(least: Counted, budget: number, most: number, count: Fit['count']): Counted | null {
  let previous = least;
  for (let step = 4; ; step *= 2) {
    if (previous.units >= most) return null;
    const units = Math.min(most, previous.units + step);
    const tokens = count(units);
    if (tokens > budget) return { units, tokens };
    const perUnit = (tokens - previous.tokens) / (units - previous.units);
    // Straight to a little beyond the budget once it is known what a unit takes.
    if (perUnit > 0) step = Math.max(step, Math.ceil(((budget - tokens) / perUnit) * 0.51));
    previous = { units, tokens };
  }
}

function tooShort(task: string, needed: number, budget: number): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'LENGTH_TOO_SHORT',
    field: '--lengths',
    message: `--lengths: a prompt of ${task} takes at least ${needed} tokens, and ${budget} are left beside the answer.`,
    details: { task, needed, budget },
  });
}
