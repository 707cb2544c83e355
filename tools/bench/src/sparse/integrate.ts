/** How fast a chunk was read at a depth. */
export interface RateAtDepth {
  depth: number;
  tokensPerSecond: number;
}

/**
 * Seconds that a prompt takes whose chunks were measured at some depths: the time of a token is taken to run straight from
 * one depth to the next, which for dense attention it does.
 *
 * @param rates ascending by depth, from 0 to beyond the prompt's last chunk but one; the last one holds from there on.
 */
export function integrate(rates: readonly RateAtDepth[], tokens: number): number {
  if (rates[0]?.depth !== 0) throw new Error('the rates begin at depth 0');
  return rates.reduce((sum, rate, i) => {
    const next = rates[i + 1];
    const end = Math.min(tokens, next?.depth ?? tokens);
    if (end <= rate.depth) return sum;
    const first = 1 / rate.tokensPerSecond;
    const last = next === undefined ? first : 1 / next.tokensPerSecond;
    const atEnd =
      next === undefined ? first : first + ((last - first) * (end - rate.depth)) / (next.depth - rate.depth);
    return sum + ((first + atEnd) / 2) * (end - rate.depth);
  }, 0);
}
