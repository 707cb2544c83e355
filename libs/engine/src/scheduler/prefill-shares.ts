/** What one prompt wants of a step. */
export interface PrefillDemand {
  /** Tokens left. */
  readonly remaining: number;
  /** Fewest tokens that are of use to it. */
  readonly least: number;
  /** The most tokens, up to so many, that are of use; 0 when those are too few. */
  fit(tokens: number): number;
}

/**
 * Divides a step's prefill budget. The oldest prompt gets at least half, and never less than what is of use to it, so that it
 * always advances; the rest goes to the shortest remaining prompts first, so that a short question does not wait behind a
 * book. Where a prompt can only be cut at some positions, what it cannot use goes to the others.
 *
 * @param demands oldest first.
 * @returns tokens for each, in the same order; their sum is at most `budget`.
 */
export function shareOut(demands: readonly PrefillDemand[], budget: number): number[] {
  const shares = demands.map(() => 0);
  const [oldest] = demands;
  if (oldest === undefined) return shares;
  const kept = Math.min(budget, oldest.remaining, Math.max(Math.ceil(budget / 2), oldest.least));
  const others = demands.map((_, index) => index).slice(1);
  others.sort((a, b) => (demands[a]?.remaining ?? 0) - (demands[b]?.remaining ?? 0) || a - b);
  let left = budget - kept;
  const give = (index: number): void => {
    const { remaining, fit } = demands[index] as PrefillDemand;
    const before = shares[index] ?? 0;
    shares[index] = fit(Math.min(remaining, before + left));
    left += before - shares[index];
  };
  for (const index of others) give(index);
  left += kept;
  give(0);
  // What the oldest cannot use is of use to others.
  for (const index of others) if (left > 0) give(index);
  return shares;
}
