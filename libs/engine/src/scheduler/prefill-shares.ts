/**
 * Divides a step's prefill budget. The oldest prompt gets at least half, so that it always advances; the other half
 * goes to the shortest remaining prompts first, so that a short question does not wait behind a book.
 *
 * @param remaining tokens left of each prompt, oldest first.
 * @returns tokens for each, in the same order; their sum is at most `budget`.
 */
export function shareOut(remaining: readonly number[], budget: number): number[] {
  const shares = remaining.map(() => 0);
  const others = remaining.map((_, index) => index).slice(1);
  others.sort((a, b) => (remaining[a] ?? 0) - (remaining[b] ?? 0) || a - b);
  const oldest = remaining[0] ?? 0;
  // What the oldest cannot use is free for the others.
  let left = Math.max(Math.floor(budget / 2), budget - oldest);
  for (const index of others) {
    const share = Math.min(left, remaining[index] ?? 0);
    shares[index] = share;
    left -= share;
  }
  const given = shares.reduce((sum, share) => sum + share, 0);
  if (shares.length > 0) shares[0] = Math.min(oldest, budget - given);
  return shares;
}
