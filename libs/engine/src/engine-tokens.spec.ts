import { describe, expect, it } from '@jest/globals';
import type { EngineObserver, TokenTally } from './observer.js';
import { collect, harness, leaks, prompt, request } from './testing/fixtures.js';
import { MemoryStore } from './testing/memory-store.js';
import { storeHarness } from './testing/store-fixtures.js';

type Sums = Record<'local_compute' | 'local_cache_hit' | 'external_kv_transfer' | 'generated' | 'recomputed', number>;

/** Adds up what the engine tells, over all requests and by request. */
function tallies() {
  const zero = (): Sums => ({
    ...{ local_compute: 0, local_cache_hit: 0, external_kv_transfer: 0, generated: 0, recomputed: 0 },
  });
  const sums = zero();
  const byRequest = new Map<string, Sums>();
  const observer: EngineObserver = {
    tokens({ requestId, ...tally }: { requestId: string } & TokenTally) {
      const key = tally.kind === 'prompt' ? tally.source : tally.kind;
      const own = byRequest.get(requestId) ?? zero();
      byRequest.set(requestId, own);
      own[key] += tally.tokens;
      sums[key] += tally.tokens;
    },
  };
  const of = (requestId: string): Sums => byRequest.get(requestId) ?? zero();
  return { observer, sums, of };
}

const promptOf = ({ local_compute, local_cache_hit, external_kv_transfer }: Sums): number =>
  local_compute + local_cache_hit + external_kv_transfer;

describe('tokens count when they are computed', () => {
  it('so that those of a finished request are its usage, by source', async () => {
    const { observer, of } = tallies();
    const { engine } = harness({}, { observer });
    const asked = [request({ n: 3 }), request({ n: 1, maxTokens: 1 }), request({ promptTokenIds: prompt(100, 4) })];
    const again = request({ promptTokenIds: prompt(100, 4), promptLogprobs: null });
    for (const r of [...asked, again]) {
      const { done } = await collect(engine.submit(r));
      const sums = of(r.requestId);
      expect(promptOf(sums)).toBe(r.promptTokenIds.length);
      expect(sums).toMatchObject({
        local_cache_hit: done?.usage.cachedTokens,
        generated: done?.usage.completionTokens,
        recomputed: 0,
      });
    }
    expect(of(again.requestId).local_cache_hit).toBe(96);
  });

  it('also of one whose client goes away in the middle of its answer', async () => {
    const { observer, of } = tallies();
    const { engine } = harness({}, { observer });
    const asked = request({ maxTokens: 200 });
    let read = 0;
    for await (const event of engine.submit(asked)) if (event.kind === 'delta' && ++read === 5) break;
    await engine.drain();
    const { generated, local_compute } = of(asked.requestId);
    expect(local_compute).toBe(20);
    expect(generated).toBeGreaterThanOrEqual(5);
    expect(generated).toBeLessThan(20);
  });

  it('and of one that is cancelled in the middle of its prompt', async () => {
    const { observer, of } = tallies();
    const { engine, runner } = harness({ maxPrefillTokens: 16 }, { observer });
    const cancel = new AbortController();
    runner.beforeStep = (_, index) => {
      if (index === 3) cancel.abort();
    };
    const asked = request({ promptTokenIds: prompt(200, 7) });
    await expect(collect(engine.submit(asked, cancel.signal))).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(of(asked.requestId)).toMatchObject({ local_compute: 48, generated: 0, recomputed: 0 });
  });

  it('and of one that fails, up to its failure', async () => {
    const { observer, of } = tallies();
    const { engine, runner } = harness({ maxPrefillTokens: 16 }, { observer });
    runner.nanAfterToken = 47;
    const asked = request({ promptTokenIds: Int32Array.from([...prompt(40, 1).map((t) => Math.min(t, 46)), 47]) });
    await expect(collect(engine.submit(asked))).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_NOT_FINITE' });
    expect(of(asked.requestId)).toMatchObject({ local_compute: 41, generated: 0, recomputed: 0 });
  });

  it('once, although a preempted sequence is computed again', async () => {
    const { observer, sums, of } = tallies();
    let preempted = 0;
    const { engine } = harness({ pages: 9 }, { observer: { ...observer, preempted: () => void preempted++ } });
    const asked = [1, 2].map((seed) => request({ promptTokenIds: prompt(60, seed), maxTokens: 60 }));
    await Promise.all(asked.map((r) => collect(engine.submit(r))));
    expect(preempted).toBeGreaterThan(0);
    for (const { requestId } of asked) expect([promptOf(of(requestId)), of(requestId).generated]).toEqual([60, 60]);
    expect(sums.recomputed).toBeGreaterThan(0);
    expect(leaks(engine)).toEqual([]);
  });

  it('by source where a prefix comes from a store', async () => {
    const store = new MemoryStore();
    const first = storeHarness(store);
    await collect(first.engine.submit(request({ promptTokenIds: prompt(200, 1) })));
    await first.engine.close();
    for (const overlapPatienceMs of [0, 250]) {
      const { observer, of } = tallies();
      const { engine } = storeHarness(store, { options: { observer }, store: { overlapPatienceMs } });
      const asked = request({ promptTokenIds: prompt(200, 1) });
      await collect(engine.submit(asked));
      expect(of(asked.requestId)).toMatchObject({ external_kv_transfer: 192, local_compute: 8, local_cache_hit: 0 });
      await engine.close();
    }
  });

  it('in the order of the steps: what a step computes is told before its tokens are seen', async () => {
    const seen: string[] = [];
    const observer: EngineObserver = { tokens: ({ kind, tokens }) => void seen.push(`${kind} ${tokens}`) };
    const { engine } = harness({}, { observer });
    for await (const event of engine.submit(request({ maxTokens: 2 }))) {
      if (event.kind === 'delta') seen.push('delta');
    }
    expect(seen.slice(0, 3)).toEqual(['prompt 20', 'generated 1', 'delta']);
  });
});

describe('cached blocks', () => {
  it('are told of when they are used again and when they are given up', async () => {
    const reused: number[] = [];
    const evicted: { lifetimeMs: number; idleMs: number }[] = [];
    let now = 0;
    const clock = { wallMs: () => now, monotonicMs: () => now };
    const observer: EngineObserver = {
      blockReused: ({ gapMs }) => void reused.push(gapMs),
      blockEvicted: (block) => void evicted.push(block),
    };
    const { engine } = harness({ pages: 8 }, { observer, clock });
    const asked = () => request({ promptTokenIds: prompt(33, 1), maxTokens: 1 });
    await collect(engine.submit(asked()));
    now = 1000;
    await collect(engine.submit(asked()));
    now = 5000;
    // Needs all pages of the pool.
    await collect(engine.submit(request({ promptTokenIds: prompt(120, 2), maxTokens: 1 })));
    expect(reused).toEqual([1000]);
    expect(evicted).toEqual([{ lifetimeMs: 5000, idleMs: 4000 }]);
  });
});
