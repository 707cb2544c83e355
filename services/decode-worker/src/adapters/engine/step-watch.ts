import type { ModelRunner } from '@longhaul/engine';

/** A runner whose current step can be timed from outside. */
export interface StepWatch {
  runner: ModelRunner;
  /** Milliseconds since the step began that runs now; 0 between steps. */
  ageMs(): number;
  /** Layers that it has done, where the runner tells; null between steps. */
  layersDone(): number | null;
}

/** Steps are computed off this thread, so a step that never returns leaves the clock readable. */
export function watchSteps(runner: ModelRunner, nowMs: () => number = () => performance.now()): StepWatch {
  let startedMs: number | null = null;
  return {
    runner: {
      ...runner,
      async step(request) {
        startedMs = nowMs();
        try {
          return await runner.step(request);
        } finally {
          startedMs = null;
        }
      },
    },
    ageMs: () => (startedMs === null ? 0 : nowMs() - startedMs),
    layersDone: () => runner.layersDone?.() ?? null,
  };
}
