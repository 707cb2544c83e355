/**
 * Time of a process: clocks that must not be taken for each other, and being called back. Injected where tests decide
 * what the hour is; a part names what of it it uses (`Pick<Clock, 'monotonicMs'>`).
 */
export interface Clock {
  /** Unix milliseconds, which may jump either way when somebody sets the clock: for what is kept or shown. */
  wallMs(): number;
  /** Milliseconds since some moment, which never jump: for whatever is waited for or compared within the process. */
  monotonicMs(): number;
  /** As `steadyUnixMs`: looks like a time of day, and counts on evenly. */
  steadyUnixMs(): number;
  /**
   * Calls back once after a delay; the returned function cancels. What is done in the `background` does not keep the
   * process alive.
   */
  after(delayMs: number, call: () => void, kind?: 'background'): () => void;
}

/** Longest delay that a timer can have; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of a clock that never jumps. Means nothing in another process. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * Unix milliseconds by the clock as it was when this process began, counted on without jumps: for times that are
 * compared within the process and look like times of day. May differ from the wall clock once that has been set.
 */
export function steadyUnixMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The clocks of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs,
  steadyUnixMs,
  after(delayMs, call, kind) {
    const timer = setTimeout(call, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    if (kind === 'background') timer.unref();
    return () => clearTimeout(timer);
  },
};
