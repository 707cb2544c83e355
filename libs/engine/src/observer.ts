import type { AppError } from '@longhaul/kernel';
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
  /** Planning, reserving and building the batch. */
  planMs: number;
  /** In the model and in sampling, as the runner measured. */
  runMs: number;
  sampleMs: number;
  /** From the call of the runner to its answer, seen from here. */
  waitMs: number;
  /** Committing: tokens, pages, text, events. */
  commitMs: number;
}

/**
 * Told what happens, as it happens; for metrics and logs. Callbacks run inside the engine: they must be quick and must
 * not throw (what they throw is ignored). Ids and counts only, never tokens or text.
 */
export interface EngineObserver {
  step?(outcome: Exclude<StepOutcome, { kind: 'idle' }>): void;
  queued?(request: { requestId: string; promptTokens: number; waiting: number }): void;
  rejected?(request: { requestId: string; error: AppError }): void;
  /** First admission of a request; its prefix-cache lookup included. */
  admitted?(request: { requestId: string; queueMs: number; promptTokens: number; cachedTokens: number }): void;
  preempted?(sequence: { requestId: string; choice: number; lostTokens: number }): void;
  firstToken?(request: { requestId: string; ttftMs: number }): void;
  interToken?(token: { requestId: string; itlMs: number }): void;
  finished?(request: FinishedRequest): void;
  failed?(request: { requestId: string; error: AppError }): void;
}

export interface FinishedRequest {
  requestId: string;
  reasons: readonly FinishReason[];
  usage: GenerationUsage;
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
