import { describe, expect, it } from '@jest/globals';
import { HealthModel, livenessBody, readinessBody, type HealthReport } from './index.js';

function modelAt(clock: { now: number }): HealthModel {
  return new HealthModel(() => clock.now);
}

describe('the health model', () => {
  it('is not ready before a readiness check has passed once', () => {
    const health = new HealthModel();
    const model = health.add({ name: 'model', weight: 'readiness' });
    expect(health.report()).toMatchObject({ live: true, ready: false });
    model.pass();
    expect(health.report()).toMatchObject({ live: true, ready: true });
  });

  it('is neither live nor ready when a liveness check fails', () => {
    const health = new HealthModel();
    const progress = health.add({ name: 'engine-progress', weight: 'liveness' });
    progress.pass();
    progress.fail('a step has run for 90 s');
    expect(health.report()).toMatchObject({ live: false, ready: false });
    expect(livenessBody(health.report()).checks['engine-progress']).toMatchObject({
      reason: 'a step has run for 90 s',
    });
  });

  it('stays ready without what is only information', () => {
    const health = new HealthModel();
    health.add({ name: 'kafka', weight: 'information', dependency: true }).fail('no broker');
    expect(health.report().ready).toBe(true);
    expect(readinessBody(health.report()).checks['kafka']).toMatchObject({ up: false, dependency: true });
  });

  it('remembers since when a check is as it is, through changing reasons', () => {
    const clock = { now: 1000 };
    const health = modelAt(clock);
    const check = health.add({ name: 'kafka', weight: 'readiness', dependency: true });
    clock.now = 2000;
    check.pass();
    clock.now = 3000;
    check.fail('refused');
    clock.now = 4000;
    check.fail('timed out');
    expect(health.report().checks).toEqual([
      { name: 'kafka', weight: 'readiness', dependency: true, up: false, reason: 'timed out', sinceUnixMs: 3000 },
    ]);
  });

  it('reads observed checks when somebody asks', () => {
    const clock = { now: 1 };
    const health = modelAt(clock);
    let up = true;
    health.observe({ name: 'model', weight: 'readiness' }, () => ({ up, reason: up ? '' : 'gone' }));
    expect(health.report().ready).toBe(true);
    up = false;
    clock.now = 7;
    expect(health.report()).toMatchObject({ ready: false, checks: [{ sinceUnixMs: 7, reason: 'gone' }] });
  });

  it('tells followers of changes only, and of observed checks at a refresh', () => {
    const health = new HealthModel();
    let up = false;
    health.observe({ name: 'model', weight: 'readiness' }, () => ({ up, reason: '' }));
    const told: boolean[] = [];
    const stop = health.follow((report: HealthReport) => told.push(report.ready));
    health.refresh();
    up = true;
    health.refresh();
    health.refresh();
    health.drain();
    stop();
    expect(told).toEqual([false, true, false]);
    expect(readinessBody(health.report()).status).toBe('draining');
  });

  it('has one check of a name', () => {
    const health = new HealthModel();
    health.add({ name: 'x', weight: 'liveness' });
    expect(() => health.add({ name: 'x', weight: 'readiness' })).toThrow(/already/);
  });
});
