import type { Engine } from '@longhaul/engine';
import { observe, type EventLog } from '@longhaul/platform-otel';
import type { HealthModel } from '@longhaul/platform-health';
import type { StepWatch } from '../engine/step-watch.js';

export interface EngineHealthParts {
  watch: StepWatch;
  engine: Pick<Engine, 'failure'> & { load(): { ready: boolean } };
  modelName: string;
  /** A step that runs longer makes the worker not live; 0 is no limit. */
  stepTimeoutMs: number;
  health: HealthModel;
  log: EventLog;
}

const PROGRESS = 'engine-progress';
const SOUND = 'engine-sound';
const MS_PER_S = 1000;

/** A step that still gets on is slow; one that does not is stuck. The layers tell which, from one look to the next. */
function stuckReason(watch: StepWatch, stepTimeoutMs: number): string {
  const layers = watch.layersDone();
  const progress = layers === null ? '' : `; attention of ${layers} layers is done`;
  return `a step has been running for more than ${stepTimeoutMs} ms${progress}`;
}

/**
 * Adds the checks `engine` (takes requests), `engine-progress` (its step returns) and `engine-sound` (it has not failed
 * for good) to the health model, and the age of the step to the metrics; until the returned function is called.
 */
export function followEngine(parts: EngineHealthParts): () => void {
  const { watch, engine, modelName, stepTimeoutMs, health, log } = parts;
  health.observe({ name: 'engine', weight: 'readiness' }, () => {
    const up = engine.load().ready;
    return { up, reason: up ? '' : 'the engine takes no requests' };
  });
  health.observe({ name: PROGRESS, weight: 'liveness' }, () => {
    const up = stepTimeoutMs === 0 || watch.ageMs() <= stepTimeoutMs;
    return { up, reason: up ? '' : stuckReason(watch, stepTimeoutMs) };
  });
  health.observe({ name: SOUND, weight: 'liveness' }, () => {
    const failure = engine.failure();
    return { up: failure === null, reason: failure?.message ?? '' };
  });
  let stuck = false;
  const unfollow = health.follow(({ checks }) => {
    const down = checks.some(({ name, up }) => name === PROGRESS && !up);
    if (down && !stuck) {
      const layersDone = watch.layersDone() ?? undefined;
      log.failure('step-stuck', 'A step of the model does not return.', { stepTimeoutMs, layersDone });
    }
    if (!down && stuck) log.info('step-returned');
    stuck = down;
  });
  const unobserve = observe('stepAge', () => watch.ageMs() / MS_PER_S, { model_name: modelName });
  return () => {
    unfollow();
    unobserve();
  };
}
