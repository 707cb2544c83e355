/** Time of a process: two clocks that must not be taken for each other. */
export interface Clock {
  /** Unix milliseconds, which may jump either way when somebody sets the clock: for what is kept or shown. */
  wallMs(): number;
  /** Milliseconds since some moment, which never jump: for whatever is waited for or compared within the process. */
  monotonicMs(): number;
}

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
export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs };
