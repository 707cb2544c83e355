import { AppError } from './app-error.js';
import { monotonicMs, systemClock } from './clock.js';

/** The life of some work: what ends it early, and when it must be over. `dispose` when the work has ended. */
export interface Deadline {
  /** Aborted when time is up, when the parent says so, or by `abort`; the first of them gives the reason. */
  readonly signal: AbortSignal;
  /** Milliseconds left; 0 once time is up. */
  leftMs(): number;
  /** Ends the work for a reason of its own. */
  abort(reason: unknown): void;
  /** No timer and no listener stays behind. */
  dispose(): void;
}

export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** What the work ends with when time is up. */
  readonly late: () => Error;
  /** Ends the work, too, with its own reason. */
  readonly parent?: AbortSignal | undefined;
  /** The timer does not keep the process alive. */
  readonly background?: boolean;
}

/** A time limit and somebody's wish to stop, as one signal. */
export function openDeadline({ timeoutMs, late, parent, background }: DeadlineOptions): Deadline {
  const controller = new AbortController();
  const endMs = monotonicMs() + timeoutMs;
  const cancel = systemClock.after(timeoutMs, () => controller.abort(late()), background ? 'background' : undefined);
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    leftMs: () => Math.max(0, endMs - monotonicMs()),
    abort: (reason) => controller.abort(reason),
    dispose() {
      cancel();
      parent?.removeEventListener('abort', follow);
    },
  };
}

/**
 * The work's outcome, or a rejection as soon as the signal says so: work that ignores signals delays nobody. It goes on
 * unseen then.
 *
 * @throws the signal's reason; AppError `CANCELLED` where that is an AbortError.
 */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(reasonOf(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(reasonOf(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Runs work with a signal that fires when time is up, and stops waiting then, whether the work obeys or not. */
export async function withinDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = openDeadline(options);
  try {
    return await unlessAborted(deadline.signal, work(deadline.signal));
  } finally {
    deadline.dispose();
  }
}

/** Waits, or ends early when the signal aborts. Never rejects: callers look at the signal. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = systemClock.after(delayMs, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** Resolves when any of the work has ended, or when its time is up: for a drain that lets running work end. */
export async function endedWithin(delayMs: number, ...work: readonly Promise<unknown>[]): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([...work, pause(delayMs, over.signal)]);
  } finally {
    over.abort();
  }
}

/** Why a signal was aborted, as an error: one without a reason of its own means that the work was cancelled. */
function reasonOf({ reason }: AbortSignal): Error {
  const { name } = reason as Error;
  if (name !== 'AbortError') return reason as Error;
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.', cause: reason });
}
