import { indexOfLargest } from '@longhaul/testing';

/** How alike two models' next-token distributions are over some positions. */
export interface Likeness {
  readonly positions: number;
  /** Positions where both have the same most likely token. */
  readonly same: number;
  /** Sum over positions of KL(dense || other), in nats. */
  readonly kl: number;
}

/** @param dense and `other`: logits [positions, vocabSize]. O(positions * vocabSize), in f64. */
export function compareRows(dense: Float32Array, other: Float32Array, vocabSize: number): Likeness {
  if (dense.length !== other.length) throw new RangeError('Both must have the same positions.');
  let same = 0;
  let kl = 0;
  for (let from = 0; from < dense.length; from += vocabSize) {
    const [p, q] = [dense.subarray(from, from + vocabSize), other.subarray(from, from + vocabSize)];
    if (indexOfLargest(p) === indexOfLargest(q)) same++;
    kl += divergence(p, q);
  }
  return { positions: dense.length / vocabSize, same, kl };
}

export function addLikeness(parts: readonly Likeness[]): Likeness {
  return parts.reduce(
    (sum, part) => ({
      positions: sum.positions + part.positions,
      same: sum.same + part.same,
      kl: sum.kl + part.kl,
    }),
    { positions: 0, same: 0, kl: 0 },
  );
}

/** KL(p || q) of two rows of logits; rounding may leave a little less than 0, which is 0. */
function divergence(p: Float32Array, q: Float32Array): number {
  const [normOfP, normOfQ] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const logP = (p[i] as number) - normOfP;
    sum += Math.exp(logP) * (logP - ((q[i] as number) - normOfQ));
  }
  return Math.max(0, sum);
}

function logSumExp(logits: Float32Array): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) top = Math.max(top, logits[i] as number);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - top);
  return Math.log(sum) + top;
}
