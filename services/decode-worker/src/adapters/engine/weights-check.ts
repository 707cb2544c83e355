import { AppError, pause } from '@longhaul/kernel';
import { openPackage } from '@longhaul/model';
import type { HealthCheck } from '@longhaul/platform-health';
import type { EventLog } from '@longhaul/platform-otel';

/** While requests are computed, a quarter of a megabyte is read in so long. */
const BUSY_PAUSE_MS = 50;

export interface WeightsCheck {
  /** Resolves when the contents of the package are not those of its manifest; pends for ever otherwise. */
  damaged: Promise<AppError>;
  stop(): Promise<void>;
}

/**
 * Reads the whole package once beside the serving and compares every file with its SHA-256. The start does not wait
 * for it, and it gives way to requests; a package that proves damaged makes the service end.
 */
export function checkWeights(
  dir: string,
  parts: { check: HealthCheck; log: EventLog; busy: () => boolean },
): WeightsCheck {
  const ending = new AbortController();
  const startMs = performance.now();
  const { signal } = ending;
  const turn = async () => {
    if (parts.busy()) await pause(BUSY_PAUSE_MS, signal);
  };
  const reading = openPackage(dir, { verify: true, signal, turn }).then(
    () => {
      parts.log.info('weights-verified', { durationMs: Math.round(performance.now() - startMs) });
      return null;
    },
    (error: unknown) => {
      if (signal.aborted) return null;
      const known = AppError.from(error);
      parts.check.fail(known.message);
      parts.log.failure('weights-damaged', known);
      return known;
    },
  );
  return {
    damaged: new Promise((resolve) => void reading.then((error) => error && resolve(error))),
    async stop() {
      ending.abort();
      await reading;
    },
  };
}
