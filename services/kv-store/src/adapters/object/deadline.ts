import { tierErrors } from './tier-errors.js';

/**
 * Runs `work` with a signal that fires when time is up, and stops waiting then, whether `work` obeys or not.
 *
 * @throws AppError `KV_STORE_UNAVAILABLE` with outage `timeout`.
 */
export async function withDeadline<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        const error = tierErrors.unavailable('timeout', `The object store did not answer within ${limitMs} ms.`);
        controller.abort(error);
        reject(error);
      },
      Math.max(0, limitMs),
    );
  });
  const result = work(controller.signal);
  // Whichever comes second must not be an unhandled rejection.
  result.catch(() => undefined);
  late.catch(() => undefined);
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
