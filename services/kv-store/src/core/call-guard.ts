import type { CallOptions } from '@longhaul/kv-core';
import type { StoreClock } from './ports.js';
import { storeErrors } from './store-errors.js';

/** The caller's signal and deadline in one: asked between steps, raced against waits. */
export class CallGuard {
  readonly #call: CallOptions;
  readonly #clock: StoreClock;
  constructor(call: CallOptions, clock: StoreClock) {
    this.#call = call;
    this.#clock = clock;
  }

  /** @throws AppError `CANCELLED` or `DEADLINE_EXCEEDED`. */
  check(): void {
    if (this.#call.signal?.aborted) throw storeErrors.cancelled();
    const { deadlineUnixMs } = this.#call;
    if (deadlineUnixMs !== undefined && this.#clock.steadyUnixMs() >= deadlineUnixMs) throw storeErrors.deadline();
  }

  /** What `work` resolves to, unless the caller leaves first. The work goes on and must not reject. */
  async wait<T>(work: T | Promise<T>): Promise<T> {
    this.check();
    if (!(work instanceof Promise)) return work;
    const { signal, deadlineUnixMs } = this.#call;
    if (!signal && deadlineUnixMs === undefined) return work;
    const cleanups: (() => void)[] = [];
    const left = new Promise<never>((_, reject) => {
      const cancelled = () => reject(storeErrors.cancelled());
      signal?.addEventListener('abort', cancelled);
      cleanups.push(() => signal?.removeEventListener('abort', cancelled));
      if (deadlineUnixMs === undefined) return;
      const leftMs = Math.max(0, deadlineUnixMs - this.#clock.steadyUnixMs());
      cleanups.push(this.#clock.after(leftMs, () => reject(storeErrors.deadline()), 'background'));
    });
    try {
      return await Promise.race([work, left]);
    } finally {
      for (const cleanup of cleanups) cleanup();
    }
  }
}
