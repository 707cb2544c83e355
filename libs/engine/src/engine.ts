import type { BackendLoad, GenerationEvent, GenerationRequest } from '@longhaul/inference';
import type { AppError } from '@longhaul/kernel';
import type { StoreActivity } from './store/stored-prefixes.js';
import type { EngineSnapshot } from './snapshot.js';

/** Sequences by where they are: in steps, waiting for a place or for pages, waiting for a stored prefix. */
export interface EngineQueues {
  running: number;
  waiting: number;
  loading: number;
}

/** Serves one model: many requests at once over one runner and one pool of KV pages. */
export interface Engine {
  /**
   * Takes a request. It is queued at once; the events come through the iterator, which can be read once.
   *
   * The iterator throws AppError: INVALID_ARGUMENT (also reason CONTEXT_LENGTH_EXCEEDED, KV_CAPACITY_EXCEEDED, NO_TOKEN_LEFT),
   * RESOURCE_EXHAUSTED (QUEUE_FULL), UNAVAILABLE (ENGINE_DRAINING, ENGINE_CLOSED, ENGINE_FAILED), ALREADY_EXISTS,
   * DEADLINE_EXCEEDED (also CONSUMER_STALLED), CANCELLED, INTERNAL (STEP_FAILED, MODEL_OUTPUT_NOT_FINITE).
   * Ending the iteration early or aborting the signal frees everything the request holds, at once.
   */
  submit(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<GenerationEvent>;
  load(): BackendLoad;
  queues(): EngineQueues;
  /** Memory of what proposes drafted tokens for running sequences. */
  drafterBytes(): number;
  /** Pages beside the pool's with KV that is compared and given up: 0, or 1 while a step is compared. */
  scratchPagesInUse(): number;
  /** Why the engine has failed for good: only a restart helps. Null while it has not. */
  failure(): AppError | null;
  /** What it does with its store; null without one. */
  storeActivity(): StoreActivity | null;
  /** The whole state, for invariants and diagnosis; copies everything. */
  snapshot(): EngineSnapshot;
  /** Takes no more requests; resolves when the last one has ended. What waits for the store is still being written. */
  drain(): Promise<void>;
  /**
   * Ends all requests with UNAVAILABLE and resolves when no step and no transfer is in flight. Runner and store stay
   * the caller's.
   *
   * @param flushTimeoutMs how long sealed blocks may still be written to the store.
   */
  close(flushTimeoutMs?: number): Promise<void>;
}
