/**
 * The typed contract with the native addon: the only place that knows its shape. Everything native is checked here or
 * behind it; arrays are row-major, ranges half open, all integers signed 32-bit unless said otherwise.
 */

import type { NativeAttentionProbe } from './attention-probe-types.js';
import type { NativeSequenceAttention, SequenceAttentionStatistics } from './attention-types.js';

/**
 * What a pool keeps of a key or a value. f32 is the reference. int8 has one scale per token and KV head, and keeps keys
 * rotated over the head dimension; it is computed with in integers.
 */
export const KV_DTYPES = ['bf16', 'f32', 'int8'] as const;
export type KvDtype = (typeof KV_DTYPES)[number];

/**
 * Instruction sets of kernels, ascending: what a processor of one has, one of the next usually has too. Which of them is
 * the fastest is measured, never read off this order.
 */
export const KERNEL_LEVELS = ['scalar', 'avx2', 'avxvnni', 'avx512', 'avx512vnni', 'avx512bf16', 'amx'] as const;
export type KernelLevel = (typeof KERNEL_LEVELS)[number];

/** Operators whose kernels are chosen, by the type of the KV or of the weights. */
export const KERNEL_OPERATORS = [
  'attention/bf16',
  'attention/f32',
  'attention/int8',
  'linear/int8',
  'linear/int4',
] as const;
export type KernelOperator = (typeof KERNEL_OPERATORS)[number];

/** One set of kernels of an operator. */
export interface KernelCandidate {
  level: KernelLevel;
  /** Names of the instruction sets that it needs. */
  needs: readonly string[];
  /** Whether the processor and the operating system run it. */
  supported: boolean;
}

/** What there is for every operator: `scalar`, which runs everywhere, first. */
export type KernelTable = Readonly<Record<KernelOperator, readonly KernelCandidate[]>>;

/** Levels by operator. */
export type KernelChoice = Readonly<Partial<Record<KernelOperator, KernelLevel>>>;

export interface ProcessorInfo {
  /** `GenuineIntel`; empty where the processor does not tell, as are numbers 0 then. */
  vendor: string;
  name: string;
  family: number;
  model: number;
  stepping: number;
  /** Instruction sets that kernels may need, and that processor and operating system run. */
  features: readonly string[];
}

/** Matrices of a model that have one shape. */
export interface MatrixShape {
  /** Outputs. */
  rows: number;
  /** Inputs, a multiple of 32. */
  cols: number;
  count: number;
  /** Whether every token of a chunk passes them; only the last one passes an output head. */
  prefill: boolean;
}

/** What is measured of an operator: the levels to compare, and the model's shapes. */
export type MeasuredOperator =
  | { operator: KernelOperator; levels: readonly KernelLevel[]; heads: number; kvHeads: number; headDim: number }
  | { operator: KernelOperator; levels: readonly KernelLevel[]; matrices: readonly MatrixShape[] };

export interface MeasureRequest {
  /** Compute threads of the engine; at most 8 of them measure, side by side. */
  threads: number;
  /** Wall time; every level runs once even where that takes longer. 1 to 60,000. */
  budgetMs: number;
  operators: readonly MeasuredOperator[];
}

/** Rates of one thread while the others do the same. */
export interface KernelRate {
  operator: KernelOperator;
  level: KernelLevel;
  /** 10^9 multiplications and additions a second in prefill; 0 where no chunk passes the operator. */
  prefillGops: number;
  /** 10^9 bytes of keys and values, or of weights, read a second in decode. */
  decodeGbps: number;
  /** How often each was timed; the best time counts. */
  runs: number;
}

export interface RuntimeInfo {
  /** Version of the loaded libonnxruntime. */
  version: string;
  providers: readonly string[];
  processor: ProcessorInfo;
  /** Why kernels on tiles (AMX) do not run although the processor has them; empty where it has none or they run. */
  tileProblem: string;
  kernels: KernelTable;
}

/**
 * What a pool may keep beside the slice of every page, layer and KV head, a function of the keys in it. `key-bounds`: the
 * least and the greatest key per dimension, bf16 rounded outwards (Quest, arXiv:2406.10774).
 */
export type KvMetadataChannel = 'key-bounds';

export interface KvPoolOptions {
  layers: number;
  kvHeads: number;
  /** Multiple of 16, 32 to 256. */
  headDim: number;
  /** Pages of PAGE_TOKENS tokens over all layers. Page 0 is an ordinary page. */
  pages: number;
  dtype: KvDtype;
  /** Kept for whoever chooses pages; absent: nothing, at no cost. */
  metadata?: readonly KvMetadataChannel[];
}

/**
 * The memory of all KV pages, of each layer `[kv head][page][K tile | V tile | scales]`. Which page belongs to whom is the
 * engine's business (plain TypeScript); the pool only stores.
 */
export interface NativeKvPool {
  readonly bytes: number;
  /** True where the kernel granted huge pages for all of it. */
  readonly hugePages: boolean;
  /** Copies all layers of one page; for copy-on-write of a shared last page. Must not run while a step uses `to`. */
  copyPage(from: number, to: number): void;
  /** Fills pages with NaN; tests use it to prove that freed pages are never read. */
  poisonPages(pages: Int32Array): void;
  /**
   * Copies a run of tokens from the pool to the stored layout, on a thread of its own. The pages must be sealed, and
   * held by the caller until the promise settles.
   *
   * @param pages the run's pages in order, PAGE_TOKENS tokens each.
   * @param sections of each layer of [layerBegin, layerEnd) in order: K and V, `[kvHead][token][dim]` in the pool's
   * dtype; for int8 also the scales of K and the inverse scales of V, f32 `[kvHead][token]`. Sizes as `kvSectionBytes`
   * has them. Neither read nor written by anybody else meanwhile.
   */
  exportBlock(pages: Int32Array, layerBegin: number, layerEnd: number, sections: readonly Uint8Array[]): Promise<void>;
  /**
   * The other way. The pages must be reserved and in no block table; a page of SKIPPED_PAGE leaves its 16 tokens out.
   */
  importBlock(pages: Int32Array, layerBegin: number, layerEnd: number, sections: readonly Uint8Array[]): Promise<void>;
  dispose(): void;
}

/** A load gate's bounds. */
export interface LoadGateOptions {
  /** Layers of the pool. */
  layers: number;
  /** Counted from the gate's making: a step that would have to wait longer cancels it. At most an hour. */
  patienceMs: number;
}

/**
 * Holds back the attention of a step, layer by layer, until the KV of one of its sequences has arrived. Complete and
 * cancelled are final. A step whose gate is complete when it answers has read complete layers only; after a
 * cancellation the sequence's attention is zeros from some layer on, its result means nothing, and its neighbours are
 * as if it had not been there.
 */
export interface NativeLoadGate {
  /** Layers [0, layers) are in their pages. Nothing once cancelled. */
  advance(layers: number): void;
  /** The step goes on without. Nothing once complete. */
  cancel(): void;
  readonly complete: boolean;
  readonly cancelled: boolean;
  /** How long steps have waited, milliseconds. */
  readonly waitedMs: number;
}

/** In `importBlock`: these tokens are not wanted. */
export const SKIPPED_PAGE = -1;

export interface NativeModelOptions {
  /** An ONNX model; copied by the call. */
  graph: Uint8Array;
  /** Folder of the files that the graph's external weights name. They are mapped as they are; '' for a graph without. */
  weightsDir: string;
  /** Compute threads, the model's own engine thread included. */
  threads: number;
  /** Spin inside a run while waiting for work: faster decode, one busy core. */
  spin: boolean;
  /**
   * One level for every step of this model, so that a token gets the same bits in a prefill chunk and in a decode step.
   * Operators that are not named run the last level that the processor has.
   */
  kernels?: KernelChoice;
}

/**
 * One sample to draw. Order of processing: logit bias, banned tokens, repetition / frequency / presence penalties,
 * temperature, min-p, top-k, top-p, then argmax(log p + Gumbel noise(seed, stream, position, token)).
 */
export interface SampleSpec {
  /** Index into `logitRows`. Several samples may share a row. */
  row: number;
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  /** Tokens of prompt or output, each once. */
  seenTokens: Int32Array;
  /** Occurrences in the output of each of `seenTokens`; 0 for tokens of the prompt alone. */
  seenCounts: Int32Array;
  biasTokens: Int32Array;
  biasValues: Float32Array;
  bannedTokens: Int32Array;
  seed: bigint;
  /** Choice index. */
  stream: number;
  /** Position in the sequence of the token to be drawn (number of tokens before it). */
  position: number;
  /** -1: no log-probabilities; otherwise how many alternatives (0 to 20). */
  logprobs: number;
}

/** A token whose log-probability is wanted, for prompt log-probabilities. */
export interface ScoreSpec {
  row: number;
  token: number;
  logprobs: number;
}

/**
 * What came of a draw. `not-finite`: a raw logit is NaN or +infinity, or all are -infinity. `no-candidate`: every token
 * that the model allows is banned. `invalid-input`: a token outside the vocabulary, lists of unequal length, or a
 * parameter outside its range.
 */
export type DrawStatus = 'ok' | 'not-finite' | 'no-candidate' | 'invalid-input';

/** A draw that failed is the fault of its sequence alone: the step and its other draws stand. */
export interface SampleResult {
  status: DrawStatus;
  /** -1 unless the status is ok. */
  token: number;
  /** From the raw logits; NaN when not asked for. */
  logprob: number;
  topTokens: Int32Array;
  topLogprobs: Float32Array;
}

/**
 * One step: all tokens of all sequences flattened, in the order of the sequences. Prefill chunks, decode tokens and
 * verification runs are the same thing: a sequence with `cuSeqlens[b+1] - cuSeqlens[b]` new tokens after `pastLens[b]`.
 */
export interface StepRequest {
  /** [T] */
  tokenIds: Int32Array;
  /** [B + 1], from 0 to T. */
  cuSeqlens: Int32Array;
  /** [B] tokens already in the pool. */
  pastLens: Int32Array;
  /** [B, blockTableWidth] page numbers; row b covers pastLens + new tokens. */
  blockTable: Int32Array;
  blockTableWidth: number;
  /**
   * Of sequences whose KV heads hold different pages, ascending; their rows of `blockTable` say nothing. `pages` is
   * [layers, kvHeads, blockTableWidth]; NO_PAGE where a head has let go of a page: it attends to none of its tokens. Pages
   * that get new tokens are held by every head. Absent: none.
   */
  headTables?: readonly { sequence: number; pages: Int32Array }[];
  /** [ropeClasses, B, ropePairs] inverse frequencies per sequence. */
  ropeInvFreq: Float32Array;
  /** [ropeClasses, B] multiplier of cos and sin. */
  ropeScale: Float32Array;
  ropeClasses: number;
  /**
   * Sequences whose attention a policy decides, ascending; the others are dense. `decodeFrom`: tokens of the prompt, so that
   * queries at positions from there on are decode whenever they are computed. Absent: none.
   */
  attention?: readonly { sequence: number; state: NativeSequenceAttention; decodeFrom: number }[];
  /** Looks at the attention of the step, for calibration; absent: nobody does. */
  probe?: NativeAttentionProbe;
  /** [R] rows of T whose logits are wanted, ascending. */
  logitRows: Int32Array;
  samples: readonly SampleSpec[];
  scores: readonly ScoreSpec[];
  /** Sequences, by index, whose stored tokens are still arriving; ascending. Absent: none. */
  gates?: readonly { sequence: number; gate: NativeLoadGate }[];
  /** Return logits as well, [rows, vocab]: of all rows of R, or of these, ascending. */
  wantLogits: boolean | Int32Array;
}

/** What the attention of a step did. */
export interface AttentionStatistics {
  /** Attention layers that were computed. */
  layers: number;
  /**
   * Bytes that queries looked at: what a KV head keeps of a page of a layer once per sequence, less where a window, a policy
   * or a head leaves pages out.
   */
  kvReadBytes: number;
  /** Thread time of scoring and choosing, milliseconds: of two threads that did nothing else for 1 ms it is 2. */
  selectMs: number;
  /**
   * Memory that each thread may have kept to score and choose, at most; it grows with the length of texts under policies that
   * rank something, to 256 MiB. A step with a text that takes more fails before anything of the layer is computed, and names both numbers.
   */
  scoreBytes: number;
  /** One per entry of `StepRequest.attention`. */
  sequences: readonly SequenceAttentionStatistics[];
}

export interface StepResult {
  samples: readonly SampleResult[];
  scores: readonly SampleResult[];
  logits: Float32Array | null;
  /** Wall time inside ONNX Runtime and in sampling, milliseconds. */
  runMs: number;
  sampleMs: number;
  attention: AttentionStatistics;
}

/** A model in an ONNX Runtime session, with its own engine thread. One step at a time. */
export interface NativeModel {
  /** Settles when the session is created on the engine thread. */
  readonly ready: Promise<void>;
  readonly vocabSize: number;
  /** Progress of the step that runs: layers whose attention is done. null between steps. */
  readonly layersDone: number | null;
  /** Rejects with the native message on a bad request; the pool is then as before but for the pages of this step. */
  step(pool: NativeKvPool, request: StepRequest): Promise<StepResult>;
  /** Ends the step in flight at its next node; its promise rejects. */
  cancel(): void;
  dispose(): Promise<void>;
}

/** In `headTables`: a page that a KV head has let go of. */
export const NO_PAGE = -1;

/** Tokens per page. The kernels' K tile is 16 lanes wide. */
export const PAGE_TOKENS = 16;
