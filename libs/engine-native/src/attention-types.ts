/** The part of the contract with the native addon (addon-types.ts) that is about attention policies. */

import type { NativeHeadPlan } from '@longhaul/attention';

export type { NativeHeadPlan };

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
