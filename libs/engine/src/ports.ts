import type { CompiledPolicy } from '@longhaul/attention';
import type { QualityName } from '@longhaul/inference';
import type { Clock as Time } from '@longhaul/kernel';

/**
 * What the engine needs from outside. The shapes of a step are those of the native addon's contract, so that the
 * adapter over it only passes them on; tests put a simulated model behind the same port.
 */

/** One sample to draw; see the sampler of this package for the meaning of every field. */
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
  /** Occurrences in the output of each of `seenTokens`. */
  seenCounts: Int32Array;
  biasTokens: Int32Array;
  biasValues: Float32Array;
  bannedTokens: Int32Array;
  seed: bigint;
  /** Choice index. */
  stream: number;
  /** Number of tokens before the one to be drawn. */
  position: number;
  /** -1: no log-probabilities; otherwise how many alternatives. */
  logprobs: number;
}

/** A token whose log-probability at a row is wanted. */
export interface ScoreSpec {
  row: number;
  token: number;
  logprobs: number;
}

/**
 * What came of a draw. `not-finite`: the model's own logits are NaN or +infinity, or all are -infinity. `no-candidate`:
 * every token that the model allows is banned. `invalid-input`: a parameter or a token outside its range.
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
 * Holds back a step's attention, layer by layer, until the KV of one of its sequences has arrived. Complete and
 * cancelled are final. A step whose gate is complete when it answers has read complete layers only; after a cancellation
 * it goes on without that sequence, whose result then means nothing, and the others are as if it had not been there.
 */
export interface LoadGate {
  /** Layers [0, layers) are in their pages. Nothing once cancelled. */
  advance(layers: number): void;
  /** Nothing once complete. */
  cancel(): void;
  readonly complete: boolean;
  readonly cancelled: boolean;
  /** How long the step has waited, milliseconds. */
  readonly waitedMs: number;
}

/**
 * Arrays may be views of the engine's state: they are valid until the step's promise settles, and never written to.
 *
 * One ragged batch: sequence b brings `cuSeqlens[b+1] - cuSeqlens[b]` tokens after `pastLens[b]` stored ones.
 */
export interface RunnerStep {
  /** [T] */
  tokenIds: Int32Array;
  /** [B + 1] */
  cuSeqlens: Int32Array;
  /** [B] */
  pastLens: Int32Array;
  /** [B, blockTableWidth] page numbers; entries past a sequence's last page are 0 and never read. */
  blockTable: Int32Array;
  blockTableWidth: number;
  /** [ropeClasses, B, ropePairs] */
  ropeInvFreq: Float32Array;
  /** [ropeClasses, B] */
  ropeScale: Float32Array;
  ropeClasses: number;
  /** Sequences, by index, whose attention follows a policy; ascending. The others are computed densely. */
  attention: readonly StepAttention[];
  /** [R] rows of T whose logits are wanted, ascending. */
  logitRows: Int32Array;
  samples: readonly SampleSpec[];
  scores: readonly ScoreSpec[];
  /** Sequences, by index, whose stored tokens are still arriving; ascending. */
  gates: readonly { sequence: number; gate: LoadGate }[];
  /** Return logits as well: of all rows, or of these, indices into `logitRows`, ascending. */
  wantLogits: boolean | Int32Array;
}

/**
 * What the attention of one sequence under a policy keeps from step to step: lists that are used again, say. It belongs to the
 * text that has been computed with it, and is of no use to another one.
 */
export interface SequenceAttention {
  /** For a text that goes on otherwise from here. */
  fork(): SequenceAttention;
  /** Called once, last; perhaps while a step still uses it, which then keeps it until it has ended. */
  close(): void;
}

export interface SequenceAttentionOptions {
  /**
   * For a share of the queries, 0 to 1, dense attention is computed as well. Which ones follows from `key` (64 bits), layer, KV
   * head and position alone. Results are the same with it and without. Absent: none. Forks keep it.
   */
  audit?: { key: bigint; share: number };
}

/** How one sequence of a step is computed. */
export interface StepAttention {
  /** Index in the batch. */
  sequence: number;
  state: SequenceAttention;
  /**
   * Tokens of its prompt. Queries at positions below are in the prefill phase, the others in the decode phase, also when
   * several are computed at once.
   */
  decodeFrom: number;
}

/**
 * What one sequence's queries looked at, in pairs of a query and a page, over layers and KV heads: what dense attention would
 * have looked at, and what was read.
 */
export interface SequenceAttentionStatistics {
  prefillVisible: number;
  prefillRead: number;
  decodeVisible: number;
  decodeRead: number;
  /** As in AttentionStatistics. */
  kvReadBytes: number;
  audit: AuditStatistics;
}

/** What audited queries lost against dense attention. A query of one KV head in one layer is a sample. */
export interface AuditStatistics {
  samples: number;
  /** Of the share of the attention's mass on the keys that were looked at, each 0 to 1; and the least of them, 1 without samples. */
  recallSum: number;
  recallLeast: number;
  /** Of the relative L2 errors of the output. */
  errorSum: number;
}

/** What the attention of a step did. */
export interface AttentionStatistics {
  /** Attention layers that were computed. */
  layers: number;
  /** Bytes of the KV that queries looked at: what one KV head keeps of a page of a layer once per sequence. */
  kvReadBytes: number;
  /** One for each of the step's `attention`, in its order. */
  sequences: readonly SequenceAttentionStatistics[];
}

export interface RunnerResult {
  samples: readonly SampleResult[];
  scores: readonly SampleResult[];
  /** [rows, vocab] of those that were asked for; null: none. */
  logits: Float32Array | null;
  /** Milliseconds in the model and in sampling. */
  runMs: number;
  sampleMs: number;
  attention: AttentionStatistics;
}

/** A model with its pool of KV pages. The engine has one step in flight at most and calls nothing else meanwhile. */
export interface ModelRunner {
  /**
   * Answers with one result per sample and score, whatever came of each. Rejects when the batch as a whole could not be
   * computed; only pages of this batch's new tokens may then have changed.
   */
  step(request: RunnerStep): Promise<RunnerResult>;
  /** Layers whose attention the step that runs has done; null between steps. Optional. */
  layersDone?(): number | null;
  /**
   * A page that no block table of the engine has, for KV that nobody keeps. Optional: without it no step is compared with
   * dense attention.
   */
  readonly scratchPage?: number;
  /** Copies one page over all layers. Called between steps only. */
  copyPage(from: number, to: number): void;
  /**
   * A gate for one sequence of one step. Nobody waits longer than `patienceMs` after this call; who would cancels it.
   * Optional: without it a prefix is computed upon only when it has been loaded as a whole.
   */
  openGate?(options: { layers: number; patienceMs: number }): LoadGate;
  /**
   * What a sequence under a policy needs; closed by whoever opened it. Optional: without it every request is computed
   * densely, and those under a policy are refused.
   */
  openAttention?(policy: CompiledPolicy, options?: SequenceAttentionOptions): SequenceAttention;
  /** Fills freed pages with NaN. Optional; a debugging aid that proves freed pages are never read. */
  poison?(pages: Int32Array): void;
}

/** Rotary tables of one sequence, until it outgrows them. */
export interface RopeTable {
  /** Equal keys mean equal tables; part of the prefix-cache key. */
  key: string;
  /** Longest text that they are for, in tokens; a longer one is computed again with its own. Infinity: any text. */
  longestTokens: number;
  /** [classes * pairs] */
  invFreq: Float32Array;
  /** [classes] */
  scale: Float32Array;
}

/** Chooses the tables by the length of the text so far (dynamic and longrope scaling depend on it). */
export interface RopeTables {
  readonly classes: number;
  readonly pairs: number;
  /** @param tokens tokens of the text, the one to be computed next included; at most `longestTokens` of the result. */
  forLength(tokens: number): RopeTable;
}

/** Token ids to text, incrementally; never splits a character. */
export interface Detokenizer {
  push(tokenId: number): string;
  finish(): string;
}

export interface Detokenize {
  open(options: { includeSpecial: boolean }): Detokenizer;
}

/** Finds the strings that end a choice in streamed text; holds back text that may be the beginning of one. */
export interface StopMatcher {
  /** `text` may be shown; `stopped` is the string that has been found, after which nothing more is pushed. */
  push(text: string): { text: string; stopped: string | null };
  /** What was held back, when no more text comes. */
  finish(): string;
}

/** Opens a matcher for one choice; `createStopMatcher` of the tokenizer package is one. */
export type OpenStopMatcher = (strings: readonly string[], options: { includeStopString: boolean }) => StopMatcher;

/** Time, as far as the engine looks at it. */
export type Clock = Pick<Time, 'wallMs' | 'monotonicMs'>;

/** What the engine has to know of the model it serves. */
export interface ModelFacts {
  /** SHA-256 (hex) of everything that decides KV values. */
  fingerprint: string;
  /**
   * Names the class of arithmetic: the KV type and how sums are kept. KV of another class is never shared; kernel levels of
   * one class move low bits only and do share. Where there is a store, its fingerprint says so.
   */
  numericsId: string;
  /** How exact what the KV type keeps is. */
  kvQuality: QualityName;
  contextLength: number;
  vocabSize: number;
  eosTokenIds: readonly number[];
}
