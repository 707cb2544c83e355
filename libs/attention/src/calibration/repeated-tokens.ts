/** Times that random tokens are repeated: each of the later ones has earlier copies to look back to. */
export const COPIES = 4;
/** Tokens of a copy at most (RazorAttention takes about so many). */
const LONGEST_PERIOD = 2500;

/** Tokens of one copy, of a sequence of about `tokens`. */
export function periodOf(tokens: number): number {
  return Math.min(LONGEST_PERIOD, Math.floor(tokens / COPIES));
}

/**
 * Random tokens, repeated: whoever looks back from a token to an earlier copy of it, or to the token behind that copy, retrieves
 * (RazorAttention, arXiv:2407.15891, section 3.2).
 *
 * @param vocabulary ids that may come, at least one.
 * @param random in [0, 1).
 */
export function repeatedTokens(period: number, vocabulary: ArrayLike<number>, random: () => number): number[] {
  const copy = Array.from({ length: period }, () => vocabulary[Math.floor(random() * vocabulary.length)] as number);
  return Array.from({ length: COPIES }, () => copy).flat();
}

/** How far back the copies of a token lie (echo), and the tokens behind these (induction). */
export function copyDistances(period: number): {
  readonly echo: readonly number[];
  readonly induction: readonly number[];
} {
  const echo = Array.from({ length: COPIES - 1 }, (_, i) => (i + 1) * period);
  return { echo, induction: echo.map((distance) => distance - 1) };
}
