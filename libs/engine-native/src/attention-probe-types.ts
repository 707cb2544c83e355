/** The part of the contract with the native addon (addon-types.ts) that calibration asks models by. */

/** What a probe adds up (`native/attention/probe/probe.h`), of a model with these heads. */
export interface AttentionProbeOptions {
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** How far back the keys lie whose share of the attention is asked for: at most 64, each 1 or more. Empty: not asked. */
  distances: Int32Array;
  /** Queries at positions below are not asked about distances. */
  fromPosition: number;
  /** Whether |q_d k_d| of each query with the key of its own token is added up. */
  products: boolean;
  /** Whether queries and keys are added up as they are before rotation. */
  means: boolean;
  /** Of antidiagonals: 4, 8 or 16. 0: what block selection keeps is not asked. */
  stride: number;
  /** Masses that block selection is tried with: at most 64, each in (0, 1]. Empty where there is no stride. */
  masses: Float32Array;
}

/** Sums over all queries of the steps that carried a probe. Lists that nobody asked for are empty. */
export interface AttentionProbeSums {
  /** [layers] queries, and those that were asked about distances. */
  tokens: Float64Array;
  farTokens: Float64Array;
  /** [layers, heads, distances] share of a query's attention on the key that far back. */
  distanceMass: Float64Array;
  /** [layers, kvHeads, headDim] as RoPE leaves queries and keys; query heads of a KV head together. Scaled alike throughout. */
  products: Float64Array;
  /** [layers, heads, headDim] and [layers, kvHeads, headDim], after their norm. */
  querySums: Float64Array;
  keySums: Float64Array;
  /** [layers] blocks of 128 queries that block selection was tried on, and the units of 128 keys that they saw. */
  blocks: Float64Array;
  unitsVisible: Float64Array;
  /** [layers, kvHeads, masses] share of a block's attention on the units chosen, and how many these were. */
  massKept: Float64Array;
  unitsRead: Float64Array;
}

/**
 * Looks at the attention of the steps that carry it (`StepRequest.probe`), whatever their policies. Results are the same with it and
 * without; a step takes about twice as long in attention where distances or blocks are asked for. Freed with its last reference.
 */
export interface NativeAttentionProbe {
  /** So far. Equal for equal steps, whatever the number of threads. */
  sums(): AttentionProbeSums;
}
