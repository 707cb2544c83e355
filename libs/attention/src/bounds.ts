/** Bounds of a policy, whatever the model. */
export const policyBounds = {
  /** Of its JSON text. */
  bytes: 16_384,
  plans: 64,
  layerRanges: 64,
  layers: 1024,
  kvHeads: 1024,
  /** Query heads of a model. */
  heads: 2 ** 16,
  /** Of a layer's own sliding window. */
  window: 2 ** 31 - 1,
  nameCharacters: 64,
  /** Of a sink, a window, a budget and `dense_below`. */
  tokens: 2 ** 24,
  pageTokens: 1024,
  units: 2 ** 20,
  lines: 2 ** 20,
  steps: 256,
  labelDims: 256,
  /** e^-100 is less than any f32 that counts. */
  skipSoftmax: 100,
  /** Of a divergence, in nats; no comparison is told to exceed it. */
  kl: 100,
  /** Distinct head plans of one compiled policy: the table has bytes. */
  headPlans: 256,
} as const;

/** Tokens of a page of the pool: the smallest unit of a list of pages. */
export const PAGE_TOKENS = 16;
/** Positions of a prefill query block; units are chosen once for each. */
export const QUERY_BLOCK_TOKENS = 128;
/** Stands for no bound in a head plan. */
export const UNBOUNDED = 2 ** 30;
