/**
 * How far the KV of a block is from what the model itself would compute, best first. A block is of the worst class of
 * its own codec and of every ancestor that was used to compute it.
 */
export const QualityClass = {
  /** At the declared dtype, all ancestors exact. Not bit-identical across machines. */
  exact: 1,
  /** At most the error of an 8-bit codec. */
  near: 2,
  /** At most 4 bits, pruned or merged. */
  lossy: 3,
  /** The right tokens, computed in another context or at another position. */
  derived: 4,
  /** Tokens are missing. */
  sparse: 5,
} as const;

export type QualityClass = (typeof QualityClass)[keyof typeof QualityClass];
