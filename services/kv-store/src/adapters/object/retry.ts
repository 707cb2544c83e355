import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { withDeadline } from './deadline.js';
import { tierErrors, type Outage } from './tier-errors.js';

export interface RetryPolicy {
  /** Tries in all, at least 1. */
  readonly attempts: number;
  /** Longest pause before the second try; doubles with each further one. */
  readonly baseMs: number;
  /** Longest pause of all. */
  readonly maxMs: number;
  /** From the first try to the last answer. */
  readonly deadlineMs: number;
  /** Told before each pause. */
  readonly onRetry?: (error: AppError) => void;
  /** 0 to 1, exclusive. */
  readonly random?: () => number;
}

/** Outages that may be over a moment later. Wrong credentials and a missing bucket need a person. */
const PASSING: readonly Outage[] = ['network', 'timeout', 'server', 'throttled'];

/**
 * Runs `attempt` until it succeeds, fails for good, or tries or time run out. Pauses are random below a doubling limit,
 * so that clients that failed together do not come back together. One try gets half of the deadline at most: a stalled
 * one leaves time for another.
 *
 * @throws AppError the last try's.
 */
export async function withRetries<T>(policy: RetryPolicy, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const random = policy.random ?? Math.random;
  const deadline = monotonicMs() + policy.deadlineMs;
  const share = policy.attempts > 1 ? policy.deadlineMs / 2 : policy.deadlineMs;
  for (let tries = 1; ; tries++) {
    try {
      return await withDeadline(Math.min(share, deadline - monotonicMs()), attempt);
    } catch (thrown) {
      const error = AppError.isInstance(thrown) ? thrown : unknownFailure(thrown);
      const pause = random() * Math.min(policy.maxMs, policy.baseMs * 2 ** (tries - 1));
      if (!isPassing(error) || tries >= policy.attempts || monotonicMs() + pause >= deadline) throw error;
      policy.onRetry?.(error);
      await sleep(pause);
    }
  }
}

function isPassing(error: AppError): boolean {
  return error.reason === 'KV_STORE_UNAVAILABLE' && PASSING.some((outage) => outage === error.details['outage']);
}

function unknownFailure(thrown: unknown): AppError {
  return tierErrors.unavailable('server', 'The object store failed in an unknown way.', thrown);
}
