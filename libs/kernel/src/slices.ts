import { AppError } from './app-error.js';

export interface SliceOptions {
  /** Ends the work between two slices, with what it was aborted for where that is an AppError. */
  signal?: AbortSignal | undefined;
  /** Longest stretch of work between two turns, in milliseconds. */
  sliceMs?: number;
}

const SLICE_MS = 5;
const waiting: (() => void)[] = [];

function wakeNext(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(wakeNext);
}

/**
 * Waits for a turn of the event loop of one's own. All long work of a process takes turns here, one slice per turn: a
 * hundred jobs at once hold the loop no longer at a time than one.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(wakeNext);
  });
}

/**
 * Runs work that yields now and then to its end, in slices between which everybody else has a turn.
 *
 * @param steps yields after at most a millisecond or two of work
 * @throws AppError CANCELLED when the signal is aborted
 */
export async function runInSlices<T>(steps: Iterator<unknown, T>, options: SliceOptions = {}): Promise<T> {
  const sliceMs = options.sliceMs ?? SLICE_MS;
  for (let until = performance.now() + sliceMs; ;) {
    if (options.signal?.aborted === true) throw abortedBy(options.signal);
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + sliceMs;
  }
}

function abortedBy(signal: AbortSignal): AppError {
  if (AppError.isInstance(signal.reason)) return signal.reason;
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.' });
}
