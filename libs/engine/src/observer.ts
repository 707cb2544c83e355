import type { CompiledPolicy } from '@longhaul/attention';
import type { AppError } from '@longhaul/kernel';
import type { PhaseDensity } from './attention/attention-tally.js';
import type { Violation } from './violation.js';
import type { LoadOutcome } from './store/prefix-load.js';
import type { DropReason } from './store/write-behind.js';
import type { FinishReason, GenerationTimings, GenerationUsage } from '@longhaul/inference';

/** How one attempt at a step ended. */
export type StepOutcome =
  | { kind: 'idle' }
  | { kind: 'committed'; stats: StepStats }
  /** `gaveUp` requests failed for good; the others of the step are tried again. */
  | { kind: 'failed'; error: AppError; sequences: number; gaveUp: number };

/** Durations in milliseconds. */
export interface StepStats {
  sequences: number;
  prefillTokens: number;
  decodeTokens: number;
  /** Drafted tokens that were verified; neither prefill nor decode. */
  draftTokens: number;
  /** Sum over the prompt tokens of the tokens before each: what attention had to look at. */
  prefillPairs: number;
  /** Sequences whose prefix was still being loaded when the step began: it may have waited for them. */
  gatedSequences: number;
  /** Planning, reserving and building the batch. */
  planMs: number;
  /** In the model and in sampling, as the runner measured. */
  runMs: number;
  sampleMs: number;
  /** Bytes of the KV pages that attention had to look at. */
  kvReadBytes: number;
  /** From the call of the runner to its answer, seen from here. */
  waitMs: number;
  /** Computing some of it again, densely, to compare. */
  compareMs: number;
  /** Committing: tokens, pages, text, events. */
  commitMs: number;
}

/**
 * Tokens at the moment they count. `prompt`: their KV is there for the first time, by where it came from; `recomputed`:
 * KV of prompt or output that a preemption had cost; `generated`: drawn.
 */
export type TokenTally =
  | { kind: 'prompt'; source: 'local_compute' | 'local_cache_hit' | 'external_kv_transfer'; tokens: number }
  | { kind: 'recomputed' | 'generated'; tokens: number };

/** What a step has found of one choice. */
export interface Audited {
  requestId: string;
  /** Of the policy that was asked for. */
  label: CompiledPolicy['label'];
  /** Queries that were compared, and means over them: share of the mass that was kept, error of the output. */
  queries: { samples: number; recall: number; error: number } | null;
  /** Divergence of the next token, nats; null: the step was not compared as a whole. */
  kl: number | null;
  /** Of a generated token: something was beyond the bound. */
  breach: boolean;
}

/** A choice goes on under another policy than before. */
export interface FallBack {
  requestId: string;
  choice: number;
  /** Of the policy that was asked for. */
  label: CompiledPolicy['label'];
  /** The denser policy that its own comes with, and after that dense attention. */
  to: 'denser' | 'dense';
  /** Means of its latest samples, one of which is beyond its bound; null: nothing new, or too little. */
  recall: number | null;
  kl: number | null;
}

/**
 * Told what happens, as it happens; for metrics and logs. Callbacks run inside the engine: they must be quick and must
 * not throw (what they throw is ignored). Ids and counts only, never tokens or text.
 */
export interface EngineObserver {
  step?(outcome: Exclude<StepOutcome, { kind: 'idle' }>): void;
  queued?(request: { requestId: string; promptTokens: number; maxTokens: number; n: number; waiting: number }): void;
  rejected?(request: { requestId: string; error: AppError }): void;
  /** First admission of a request; its prefix-cache lookup included. */
  admitted?(request: AdmittedRequest): void;
  tokens?(tally: { requestId: string } & TokenTally): void;
  preempted?(sequence: { requestId: string; choice: number; lostTokens: number }): void;
  /**
   * A step has verified drafted tokens of one choice: so many, of which the first `accepted` became part of the answer.
   */
  verified?(draft: { requestId: string; drafted: number; accepted: number }): void;
  /** A drafter has thrown. Nothing more is drafted for that choice, which goes on without. */
  draftingFailed?(draft: { requestId: string; error: AppError }): void;
  firstToken?(request: { requestId: string; ttftMs: number }): void;
  interToken?(token: { requestId: string; itlMs: number }): void;
  /** A step has compared a request with dense attention. */
  audited?(of: Audited): void;
  /** A step was to be compared as a whole, and could not be: the request goes on, and this step of it is not judged. */
  comparisonFailed?(of: { requestId: string; error: AppError }): void;
  /** A choice goes on under a denser policy, or dense attention: its own has kept too little of late. */
  fellBack?(of: FallBack): void;
  finished?(request: FinishedRequest): void;
  /** A cached block that nobody used was given up: how long it was kept, and for how long nobody had used it. */
  blockEvicted?(block: { lifetimeMs: number; idleMs: number }): void;
  /** A cached block was used again, so long after the last time. One block in some is told of; see the prefix cache. */
  blockReused?(block: { gapMs: number }): void;
  /** The idle engine has checked its state; `fresh` are the violations that the check before had not found. */
  checked?(result: { fresh: readonly Violation[]; violations: number }): void;
  failed?(request: { requestId: string; error: AppError }): void;
  /** The engine has failed for good and takes no more requests. */
  broken?(engine: { error: AppError }): void;
  /** A sealed block is in the store. `bytes` is 0 when it was there already. */
  blockStored?(block: { bytes: number; ms: number; alreadyPresent: boolean }): void;
  /** Blocks that were not written: gone from the pool, given up at the end, or failed (with the error). */
  blocksDropped?(dropped: { reason: DropReason; error: AppError | null; blocks: number }): void;
  /** The store was asked for a prefix; see {@link LoadOutcome}. `tokens` need not be computed because of it. */
  prefixLoaded?(load: { requestId: string; tokens: number } & LoadOutcome): void;
}

export interface AdmittedRequest {
  requestId: string;
  queueMs: number;
  promptTokens: number;
  /** Prompt tokens that need not be computed. */
  cachedTokens: number;
  /** Those of them that came from the store. */
  loadedTokens: number;
}

export interface FinishedRequest {
  requestId: string;
  reasons: readonly FinishReason[];
  usage: GenerationUsage;
  /** Its policy, by a name that no caller chooses, and what that has read. */
  policy: { label: CompiledPolicy['label']; density: PhaseDensity };
  /** Tokens of the choice that has most. */
  longestChoiceTokens: number;
  timings: GenerationTimings;
  totalMs: number;
}

/** Calls an observer so that nothing it does can hurt the engine. */
export function notify(call: () => void): void {
  try {
    call();
  } catch {
    // An observer's fault must not fail a request.
  }
}
