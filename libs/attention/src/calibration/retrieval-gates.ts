import { byKvHead, byLayer, rounded, type HeadsShape } from './heads-shape.js';

/** What query heads do where tokens are repeated, [layers, heads]: mean share of the attention on earlier copies. */
export interface CopyMass {
  /** On the copies of the token itself. */
  readonly echo: ArrayLike<number>;
  /** On the tokens that followed these copies. */
  readonly induction: ArrayLike<number>;
}

/** Of 15 heads that are protected 1 is so for its echo and 14 for their induction (RazorAttention: 1 % and 14 % of all heads). */
const ECHO_PART = 1 / 15;
const INDUCTION_PART = 14 / 15;

/**
 * Gates from what heads do where tokens are repeated (RazorAttention, arXiv:2407.15891, section 3.2). A KV head counts as the
 * best of its query heads.
 *
 * @returns [layers][kvHeads]: 1 less the share of heads at which this one is the first to be protected, so that whatever share a
 * policy takes, one of 15 that it takes is there for its echo and the others for their induction.
 */
export function retrievalGates(mass: CopyMass, shape: HeadsShape): number[][] {
  const echo = sharesByRank(mass.echo, shape);
  const induction = sharesByRank(mass.induction, shape);
  const gates = induction.map((share, head) => {
    const protectedAt = Math.min(share / INDUCTION_PART, (echo[head] as number) / ECHO_PART);
    return rounded(Math.max(0, 1 - protectedAt));
  });
  return byLayer(gates, shape);
}

/** Rank of each KV head by falling score, as a share of all: above 0, and 1 for the last. The earlier head of equal ones comes first. */
function sharesByRank(scores: ArrayLike<number>, shape: HeadsShape): readonly number[] {
  const best = byKvHead(scores, shape).map((group, head) => ({ score: Math.max(...group), head }));
  best.sort((a, b) => b.score - a.score || a.head - b.head);
  const shares: number[] = [];
  best.forEach(({ head }, rank) => (shares[head] = (rank + 1) / best.length));
  return shares;
}
