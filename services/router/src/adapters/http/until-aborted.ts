import { AppError } from '@longhaul/kernel';

/** The promise's result, or the signal's reason as soon as it is aborted, whatever the promise waits for. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(AppError.from(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Iterates until the signal is aborted; then the source is told to end, and not waited for. */
export async function* eachUntilAborted<T>(
  source: AsyncGenerator<T, void>,
  signal: AbortSignal,
): AsyncGenerator<T, void> {
  try {
    for (;;) {
      const next = await untilAborted(source.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    const ended = source.return().catch(() => undefined);
    if (!signal.aborted) await ended;
  }
}
