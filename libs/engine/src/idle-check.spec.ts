import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { IdleCheck } from './idle-check.js';
import type { Violation } from './violation.js';
import { defaultLimits } from './limits.js';
import { BlockManager } from './pages/block-manager.js';
import { PagePool } from './pages/page-pool.js';
import { collect, harness, leaks, prompt, request } from './testing/fixtures.js';
import { until } from './testing/held.js';
import { SimulatedRunner } from './testing/simulated-runner.js';

interface Checked {
  fresh: readonly Violation[];
  violations: number;
}

const quick = { idleCheckAfterMs: 1, idleCheckSliceMs: 1 };

function checking(limits = {}) {
  const checks: Checked[] = [];
  const parts = harness({ ...quick, ...limits }, { observer: { checked: (result) => checks.push(result) } });
  return { ...parts, checks };
}

afterEach(() => void jest.restoreAllMocks());

describe('an idle engine', () => {
  it('looks at itself after each burst of requests, and finds nothing', async () => {
    const { engine, checks } = checking();
    for (const seed of [1, 2]) {
      await collect(engine.submit(request({ promptTokenIds: prompt(50, seed) })));
      await until(() => checks.length === seed);
    }
    expect(checks).toEqual([1, 2].map(() => ({ fresh: [], violations: 0 })));
    await engine.close();
  });

  it('finds a leaked page, and tells of it once', async () => {
    const { engine, checks } = checking({ prefixCaching: false });
    const release = PagePool.prototype.release;
    let leaked = -1;
    jest.spyOn(PagePool.prototype, 'release').mockImplementation(function (this: PagePool, page: number) {
      if (leaked < 0) leaked = page;
      else release.call(this, page);
    });
    await collect(engine.submit(request()));
    await until(() => checks.length === 1);
    const leak = { kind: 'pages', message: `page ${leaked}: 1 references, 0 holders` };
    expect(checks[0]).toEqual({ fresh: [leak], violations: 1 });
    await collect(engine.submit(request()));
    await until(() => checks.length === 2);
    expect(checks[1]).toEqual({ fresh: [], violations: 1 });
    await engine.close();
  });

  it('is not looked at while a request runs, nor when it is switched off', async () => {
    const { engine, runner, checks } = checking();
    runner.beforeStep = () => new Promise((resolve) => setTimeout(resolve, 5));
    await collect(engine.submit(request({ maxTokens: 5 })));
    expect(checks).toEqual([]);
    await engine.close();
    const off = checking({ idleCheckAfterMs: null });
    await collect(off.engine.submit(request()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(off.checks).toEqual([]);
    expect(leaks(off.engine)).toEqual([]);
  });
});

describe('a check', () => {
  const pages = 2048;
  const parts = (blocks: BlockManager, activeTransfers: number) => ({
    view: () => ({
      ...{ limits: defaultLimits, running: [], loading: [], waiting: [], cache: [], attention: 0, activeTransfers },
      pages: { ...blocks.pool.view(), idle: 0 },
      transfers: Array.from(blocks.holds(), (hold) => hold.pages),
    }),
    changes: () => blocks.pool.changes,
    limits: quick,
  });
  const manager = () => new BlockManager(new SimulatedRunner(pages), { pages, prefixCaching: false });
  /** Every look at it is a slice later. */
  const impatient = { monotonicMs: () => (time += 10) };
  let time = 0;

  it('takes slices, and begins anew when something has changed between two of them', async () => {
    const blocks = manager();
    const checks: Checked[] = [];
    let views = 0;
    const { view, ...rest } = parts(blocks, 1);
    const looked = () => {
      views++;
      return view();
    };
    const check = new IdleCheck({ ...rest, view: looked, clock: impatient, checked: (result) => checks.push(result) });
    check.start();
    await until(() => views === 1);
    expect(checks).toEqual([]);
    const hold = blocks.holdFresh(3);
    await until(() => checks.length === 1);
    expect(views).toBe(2);
    expect(checks[0]).toEqual({ fresh: [], violations: 0 });
    expect(hold?.pages).toHaveLength(3);
  });

  it('finds pages that a transfer has not given back', async () => {
    const blocks = manager();
    blocks.holdFresh(3);
    const checks: Checked[] = [];
    new IdleCheck({ ...parts(blocks, 0), clock: impatient, checked: (result) => checks.push(result) }).start();
    await until(() => checks.length === 1);
    const message = 'a transfer that has ended holds 3 pages';
    expect(checks[0]?.fresh).toEqual([{ kind: 'transfers', message }]);
  });

  it('is put off by whoever stops it, and not repeated while nothing changes', async () => {
    const blocks = manager();
    const checks: Checked[] = [];
    const check = new IdleCheck({ ...parts(blocks, 0), clock: impatient, checked: (result) => checks.push(result) });
    check.start();
    check.stop();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(checks).toEqual([]);
    check.start();
    await until(() => checks.length === 1);
    check.start();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(checks).toHaveLength(1);
  });
});
