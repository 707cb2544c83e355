import { AppError, monotonicMs, pause, withinDeadline } from '@longhaul/kernel';
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
      const timeoutMs = Math.max(0, Math.min(share, deadline - monotonicMs()));
      return await withinDeadline({ timeoutMs, late: () => tooLate(timeoutMs) }, attempt);
    } catch (thrown) {
      const error = AppError.isInstance(thrown) ? thrown : unknownFailure(thrown);
      const pauseMs = random() * Math.min(policy.maxMs, policy.baseMs * 2 ** (tries - 1));
      if (!isPassing(error) || tries >= policy.attempts || monotonicMs() + pauseMs >= deadline) throw error;
      policy.onRetry?.(error);
      await pause(pauseMs);
    }
  }
}

function tooLate(limitMs: number): AppError {
  return tierErrors.unavailable('timeout', `The object store did not answer within ${limitMs} ms.`);
}

function isPassing(error: AppError): boolean {
  return error.reason === 'KV_STORE_UNAVAILABLE' && PASSING.some((outage) => outage === error.details['outage']);
}

function unknownFailure(thrown: unknown): AppError {
  return tierErrors.unavailable('server', 'The object store failed in an unknown way.', thrown);
}
