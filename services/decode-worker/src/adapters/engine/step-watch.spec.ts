import { describe, expect, it } from '@jest/globals';
import type { ModelRunner, RunnerStep } from '@longhaul/engine';
import { EventLog } from '@longhaul/platform-otel';
import { AppError } from '@longhaul/kernel';
import { HealthModel, livenessBody } from '@longhaul/platform-health';
import { followEngine } from '../health/engine-health.js';
import { watchSteps } from './step-watch.js';

/** A runner whose step ends when the test says so. */
function heldRunner() {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const runner = {
    step: () => new Promise<never>((resolve, reject) => ends.push({ resolve: resolve as () => void, reject })),
    copyPage: () => undefined,
    layersDone: () => 3,
  } as ModelRunner;
  return { runner, ends };
}

const STEP = {} as RunnerStep;

describe('the step watch', () => {
  it('tells the age of the step that runs, and nothing between steps', async () => {
    const { runner, ends } = heldRunner();
    let now = 100;
    const watch = watchSteps(runner, () => now);
    expect(watch.ageMs()).toBe(0);
    const first = watch.runner.step(STEP);
    now = 350;
    expect(watch.ageMs()).toBe(250);
    ends[0]?.resolve();
    await first;
    expect(watch.ageMs()).toBe(0);
    const second = watch.runner.step(STEP);
    now = 400;
    ends[1]?.reject(new Error('failed'));
    await expect(second).rejects.toThrow('failed');
    expect(watch.ageMs()).toBe(0);
  });
});

describe('engine health', () => {
  function followed(stepTimeoutMs: number, failure: () => AppError | null = () => null) {
    let now = 0;
    const { runner, ends } = heldRunner();
    const watch = watchSteps(runner, () => now);
    const health = new HealthModel();
    const lines: string[] = [];
    const log = new EventLog('test', 'info', { write: (line) => lines.push(line) });
    const stop = followEngine({
      watch,
      engine: { load: () => ({ ready: failure() === null }), failure },
      modelName: 'm',
      stepTimeoutMs,
      health,
      log,
    });
    return { health, watch, ends, lines, stop, at: (ms: number) => (now = ms) };
  }

  it('is not live while a step has run longer than its timeout, and says so once', async () => {
    const { health, watch, ends, lines, stop, at } = followed(1000);
    expect(health.report()).toMatchObject({ live: true, ready: true });
    const step = watch.runner.step(STEP);
    at(999);
    expect(health.report().live).toBe(true);
    at(1001);
    health.refresh();
    health.refresh();
    expect(health.report()).toMatchObject({ live: false, ready: false });
    expect(livenessBody(health.report()).checks['engine-progress']).toMatchObject({
      reason: 'a step has been running for more than 1000 ms; attention of 3 layers is done',
    });
    expect(lines.filter((line) => line.includes('step-stuck') && line.includes('"layersDone":3'))).toHaveLength(1);
    ends[0]?.resolve();
    await step;
    expect(health.refresh()).toMatchObject({ live: true, ready: true });
    stop();
  });

  it('is not live once the engine has failed for good, and says why', () => {
    let failure: AppError | null = null;
    const { health, stop } = followed(1000, () => failure);
    expect(health.report()).toMatchObject({ live: true, ready: true });
    failure = new AppError({ code: 'UNAVAILABLE', reason: 'ENGINE_FAILED', message: 'The engine has failed.' });
    expect(health.report()).toMatchObject({ live: false, ready: false });
    expect(livenessBody(health.report()).checks['engine-sound']).toMatchObject({ reason: 'The engine has failed.' });
    stop();
  });

  it('never gives up on a step when the timeout is 0', () => {
    const { health, watch, stop, at } = followed(0);
    void watch.runner.step(STEP);
    at(10 ** 9);
    expect(health.report().live).toBe(true);
    stop();
  });
});
