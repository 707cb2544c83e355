/** The part of the contract with the native addon (addon-types.ts) that is about attention policies. */

/**
 * What one KV head of a layer looks at in one phase (`native/attention/policy/head_plan.h`). Candidates are the units that a
 * query sees and that are not forced.
 */
export interface NativeHeadPlan {
  /** Queries at positions below attend to all that they see. */
  denseBelow: number;
  /** `all`: dense. `none`: sink and window only, exact to the token. The others take the best units by score. */
  rule: 'all' | 'none' | 'top-k' | 'top-cdf';
  /** Forced keys: at positions below sinkTokens, and less than windowTokens behind the query, whose own counts. */
  sinkTokens: number;
  windowTokens: number;
  /** A multiple of PAGE_TOKENS, or 1 for lists of tokens. */
  unitTokens: number;
  scorer: 'none' | 'key-bounds' | 'antidiagonal' | 'vertical-slash' | 'keys' | 'labels';
  /** Of antidiagonals: 4, 8 or 16. */
  stride: number;
  /** How query heads that share a KV head agree. `vote`: softmax over the units per head, then the sum. */
  headReduce: 'max' | 'sum' | 'vote';
  /** Top-k: tokens of a whole list, forced ones among them, rounded up to units. */
  budgetTokens: number;
  /** Top-cdf: share of all scores that a list reaches, (0, 1]. */
  mass: number;
  /** Bounds of what is chosen beyond the forced units. */
  minUnits: number;
  maxUnits: number;
  /** Vertical-slash: how many of each; 0 with top-cdf: by mass. */
  verticals: number;
  slashes: number;
  /** Decode: a fresh list where (position - decodeFrom) is a multiple; 1: always. */
  reuseEvery: number;
  /** Decode: a list stays while the cosine of the query with that of its selection is at least this; above 1: never. */
  reuseCosine: number;
  /** Rule `none`, decode: what is dropped counts as one mean row (RazorAttention, arXiv:2407.15891). */
  summary: boolean;
}

/** A policy as it was compiled for a model. */
export interface AttentionPolicyOptions {
  layers: number;
  kvHeads: number;
  /** 1 to 256. */
  plans: readonly NativeHeadPlan[];
  /** [2, layers, kvHeads] of `plans`: prefill, then decode. */
  table: Uint8Array;
  /** 0: off. Otherwise a block of keys whose largest logit lies this far below a row's running maximum counts nothing. */
  skipSoftmax: number;
  /** Dimensions of a key that stand in for it, `channels` [layers, kvHeads, r]. */
  labels: { channels: Int32Array; r: number } | null;
}

/** Immutable; sequences share it. */
export interface NativeAttentionPolicy {
  /** The attention of a sequence that begins; forks keep its options. */
  openSequence(options?: SequenceAttentionOptions): NativeSequenceAttention;
}

export interface SequenceAttentionOptions {
  /**
   * For a share of its queries, [0, 1], in each layer and KV head, dense attention is computed as well. Which ones follows
   * from `key` (64 bits), layer, KV head and position alone. Absent: none. Results are the same with it and without.
   */
  audit?: { key: bigint; share: number };
}

/**
 * What the selection of one sequence keeps from step to step. One step at a time uses it. Freed with its last reference, or
 * by `dispose` as soon as no step uses it.
 */
export interface NativeSequenceAttention {
  /** A copy, for another continuation of the same tokens. */
  fork(): NativeSequenceAttention;
  dispose(): void;
}

/** Pairs of a query and a page, summed over layers and KV heads: of which the query might see a token, and of which it did. */
export interface SequenceAttentionStatistics {
  prefillVisible: number;
  prefillRead: number;
  decodeVisible: number;
  decodeRead: number;
  /** The sequence's part of `kvReadBytes`; what the audit reads is not counted. */
  kvReadBytes: number;
  audit: AuditStatistics;
}

/**
 * What audited queries lost. A query of one KV head in one layer is a sample, and counts with the mean of its query heads.
 * Only queries whose plan leaves something out, or may, are audited.
 */
export interface AuditStatistics {
  samples: number;
  /** Of the share of the attention's mass that the keys looked at have; each at most 1. */
  recallSum: number;
  /** The least of them; 1 without samples. */
  recallLeast: number;
  /** Of the relative L2 errors of the output. */
  errorSum: number;
}
