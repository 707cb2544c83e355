import { createRequire } from 'node:module';
import { monotonicMs } from '@longhaul/kernel';

/** What the client's queue of requests to one broker has to do with time. */
interface RequestQueue {
  pending: readonly unknown[];
  inflight: { readonly size: number };
  maxInFlightRequests: number | null | undefined;
  /** Requests wait until then; below zero: they do not. */
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

interface Prototype {
  maybeThrottle(this: RequestQueue, clientSideThrottleTime: number | null): void;
  canSendSocketRequestImmediately(this: RequestQueue): boolean;
  scheduleCheckPendingRequests(this: RequestQueue): void;
}

const METHODS = ['maybeThrottle', 'canSendSocketRequestImmediately', 'scheduleCheckPendingRequests'] as const;
/** Where requests wait for others to be answered, which looks again by itself. */
const LOOK_AGAIN_MS = 10;

const mended: Prototype = {
  maybeThrottle(clientSideThrottleTime) {
    if (clientSideThrottleTime === null || !(clientSideThrottleTime > 0)) return;
    this.throttledUntil = Math.max(this.throttledUntil, monotonicMs() + clientSideThrottleTime);
  },

  canSendSocketRequestImmediately() {
    const isFull = typeof this.maxInFlightRequests === 'number' && this.inflight.size >= this.maxInFlightRequests;
    return !isFull && this.throttledUntil <= monotonicMs();
  },

  scheduleCheckPendingRequests() {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
    const delayMs = Math.max(LOOK_AGAIN_MS, Math.ceil(this.throttledUntil - monotonicMs()));
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  },
};

/**
 * Replaces the timer of the client's request queues, once per process. The client's own looks for waiting requests every
 * millisecond for as long as a connection lasts, with a negative delay that the runtime warns of, and reckons by a
 * clock that may be set.
 *
 * @throws Error where the client is not the version that this was written for.
 */
export function mendRequestTimer(): void {
  const client = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype: Prototype };
  const { prototype } = client;
  for (const method of METHODS) {
    if (typeof prototype[method] !== 'function') throw new Error(`The Kafka client has no ${method} to be mended.`);
  }
  Object.assign(prototype, mended);
}
