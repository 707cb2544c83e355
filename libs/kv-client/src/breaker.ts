import type { AppError } from '@longhaul/kernel';
import { clientErrors, meansGone } from '@longhaul/kv-transfer';
import type { BreakerOptions } from './options.js';

/** `closed`: calls go through. `open`: calls fail at once while probes look for the store. */
export type BreakerState = 'closed' | 'open';

/**
 * Makes a dead store cost its users nothing: from the first refused connection, or a few missed deadlines in a row, calls
 * fail at once. Probes in the background, at growing intervals, find out when it is back.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #probe: () => Promise<boolean>;
  #missed = 0;
  #timer: NodeJS.Timeout | null = null;
  #pauseMs: number;
  #disposed = false;

  constructor(options: BreakerOptions, probe: () => Promise<boolean>) {
    this.#options = options;
    this.#probe = probe;
    this.#pauseMs = options.probeMs;
  }

  get state(): BreakerState {
    return this.#timer ? 'open' : 'closed';
  }

  /** @throws AppError `KV_STORE_UNAVAILABLE` while open. */
  pass(): void {
    if (this.#timer) throw clientErrors.unavailable('The KV store does not answer; it is probed in the background.');
  }

  succeeded(): void {
    this.#missed = 0;
  }

  failed(error: AppError): void {
    if (error.code === 'DEADLINE_EXCEEDED') this.#missed++;
    else if (!meansGone(error)) return;
    if (meansGone(error) || this.#missed >= this.#options.failures) this.#open();
  }

  dispose(): void {
    this.#disposed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #open(): void {
    if (this.#timer || this.#disposed) return;
    this.#pauseMs = this.#options.probeMs;
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#pauseMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const back = await this.#probe().catch(() => false);
    if (this.#disposed) return;
    if (back) {
      this.#timer = null;
      this.#missed = 0;
      return;
    }
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.maxProbeMs);
    this.#schedule();
  }
}
