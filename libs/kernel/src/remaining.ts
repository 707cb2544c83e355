import { monotonicMs } from './clock.js';

/**
 * What is left until a deadline, not below 0; null without one. Deadlines inside a process are points of the monotonic
 * clock; between processes time travels as what is left.
 */
export function remainingMs(deadlineMs: number | null): number | null {
  return deadlineMs === null ? null : Math.max(0, deadlineMs - monotonicMs());
}
