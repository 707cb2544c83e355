import type { StoreClock } from '../../src/index.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that moves when it is told to. */
export class ManualClock implements StoreClock {
  #now = 1_800_000_000_000;
  #timers = new Set<Timer>();

  steadyUnixMs(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on and calls back whose time has come, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.atMs);
      due.callback();
    }
    this.#now = end;
  }
}
