import { policyBounds } from '@longhaul/attention';

/** What no comparison is told to exceed, in nats: where logits are no numbers, or a token is impossible under one side alone. */
export const MOST_KL = policyBounds.kl;

/**
 * How much is lost where `other` stands in for `reference`: the Kullback-Leibler divergence KL(reference || other) of the
 * distributions of the next token, from raw logits, in nats. 0 where they are equal.
 *
 * @param reference [vocab], of dense attention.
 * @param other [vocab]
 * @returns 0 to {@link MOST_KL}.
 * @remarks O(vocab), in f64: about a millisecond for 50,000 tokens. Terms are added in the order of tokens.
 */
export function klDivergence(reference: Float32Array, other: Float32Array): number {
  const [a, b] = [logSumExp(reference), logSumExp(other)];
  let sum = 0;
  for (let token = 0; token < reference.length; token++) {
    const logProbability = (reference[token] as number) - a;
    const probability = Math.exp(logProbability);
    // What cannot happen costs nothing, however it is mistaken.
    if (probability !== 0) sum += probability * (logProbability - ((other[token] ?? Number.NaN) - b));
  }
  return Number.isNaN(sum) ? MOST_KL : Math.min(MOST_KL, Math.max(0, sum));
}

function logSumExp(logits: Float32Array): number {
  let greatest = -Infinity;
  for (const logit of logits) if (!(logit <= greatest)) greatest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - greatest);
  return greatest + Math.log(sum);
}
