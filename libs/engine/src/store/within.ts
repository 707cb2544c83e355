import { AppError } from '@longhaul/kernel';

/** A time limit and a caller's wish to stop, as one signal. `dispose` when the work has ended. */
export interface Deadline {
  readonly signal: AbortSignal;
  dispose(): void;
}

export function deadlineAfter(timeoutMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), timeoutMs);
  timer.unref();
  const onAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) onAbort();
  parent?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer);
      parent?.removeEventListener('abort', onAbort);
    },
  };
}

/** The work's outcome, or a rejection as soon as the signal says so: a store that ignores signals delays nobody. */
export function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(AppError.from(signal.reason));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(AppError.from(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function timedOut(timeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'KV_STORE_TIMEOUT',
    retry: 'same',
    message: `The KV store took longer than ${timeoutMs} ms.`,
  });
}
