import type { Clock } from '../ports.js';
import type { StoreLimits } from './store-options.js';

/**
 * Leaves a store, or one of its spaces, alone for a while after it has failed, so that a dead one costs requests almost
 * nothing.
 */
export class StoreHealth {
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  #failures = 0;
  #closedUntil = -Infinity;

  constructor(clock: Clock, limits: StoreLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Milliseconds until the store may be asked again; 0 now. */
  get waitMs(): number {
    return Math.max(0, this.#closedUntil - this.#clock.monotonicMs());
  }

  succeeded(): void {
    this.#failures = 0;
    this.#closedUntil = -Infinity;
  }

  /** Calls that were under way when an earlier one failed say nothing new. */
  failed(): void {
    if (this.waitMs > 0) return;
    const { retryAfterMs, maxRetryAfterMs } = this.#limits;
    const waitMs = Math.min(maxRetryAfterMs, retryAfterMs * 2 ** Math.min(20, this.#failures++));
    this.#closedUntil = this.#clock.monotonicMs() + waitMs;
  }
}
