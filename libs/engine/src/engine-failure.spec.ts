import { describe, expect, it } from '@jest/globals';
import type { AppError } from '@longhaul/kernel';
import type { EngineObserver } from './observer.js';
import { PagePool } from './pages/page-pool.js';
import { collect, expectedTokens, harness, leaks, prompt, request, simulatedDetokenize } from './testing/fixtures.js';

const POISONED_TOKEN = 47;

/** Prompts without the token that the failing runners look for. */
const clean = (length: number, seed: number): Int32Array => prompt(length, seed).map((token) => Math.min(token, 46));

describe('a step that fails once', () => {
  it('is repeated; nobody notices and nothing leaks', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 16 });
    runner.beforeStep = (_, index) => {
      if ([2, 9].includes(index)) throw new Error('injected');
    };
    const asked = [1, 2, 3].map((seed) => request({ promptTokenIds: prompt(50, seed), n: 2 }));
    const results = await Promise.all(asked.map((r) => collect(engine.submit(r))));
    results.forEach(({ choices }, i) => {
      const r = asked[i]!;
      expect(choices.map(({ tokens }) => tokens)).toEqual([expectedTokens(r, 0), expectedTokens(r, 1)]);
    });
    expect(leaks(engine)).toEqual([]);
  });
});

describe('a request that the model cannot compute', () => {
  it('fails alone; the others of its batch finish', async () => {
    const failed: string[] = [];
    const observer = { failed: ({ requestId }: { requestId: string }) => void failed.push(requestId) };
    const { engine, runner } = harness({}, { observer });
    runner.beforeStep = ({ tokenIds }) => {
      if (tokenIds.includes(POISONED_TOKEN)) throw new Error('injected');
    };
    const bias = { logitBias: new Map([[POISONED_TOKEN, -100]]) };
    const good = [1, 2, 3].map((seed) => request({ promptTokenIds: clean(40, seed), sampling: bias }));
    const bad = request({ promptTokenIds: Int32Array.of(1, 2, POISONED_TOKEN, 3) });
    const all = Promise.allSettled([...good, bad].map((asked) => collect(engine.submit(asked))));
    const outcomes = await all;
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[3]).toMatchObject({ reason: { reason: 'STEP_FAILED', code: 'INTERNAL', retry: 'other' } });
    expect(failed).toEqual([bad.requestId]);
    expect(engine.load().ready).toBe(true);
    expect(leaks(engine)).toEqual([]);
  });

  it('because its logits are not finite fails alone, and its blocks are not reused', async () => {
    // Two blocks are published by earlier steps than the one that fails.
    const { engine, runner } = harness({ maxPrefillTokens: 16 });
    runner.nanAfterToken = POISONED_TOKEN;
    const promptTokenIds = Int32Array.from([...clean(40, 1), POISONED_TOKEN]);
    const good = request({ promptTokenIds: clean(40, 2), sampling: { logitBias: new Map([[POISONED_TOKEN, -100]]) } });
    const [bad, fine] = await Promise.allSettled([
      collect(engine.submit(request({ promptTokenIds }))),
      collect(engine.submit(good)),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'MODEL_OUTPUT_NOT_FINITE' } });
    expect(fine.status).toBe('fulfilled');
    runner.nanAfterToken = null;
    const again = await collect(engine.submit(request({ promptTokenIds })));
    expect(again.done?.usage.cachedTokens).toBe(0);
    expect(leaks(engine)).toEqual([]);
  });

  it('because its detokeniser throws fails alone', async () => {
    let calls = 0;
    const detokenize: typeof simulatedDetokenize = {
      open: (options) => {
        const inner = simulatedDetokenize.open(options);
        const faulty = calls++ === 0;
        return {
          push: (token) => {
            if (faulty) throw new Error('injected');
            return inner.push(token);
          },
          finish: () => '',
        };
      },
    };
    const { engine } = harness({}, { detokenize });
    const asked = [request(), request({ promptTokenIds: prompt(33, 2) })];
    const [first, second] = await Promise.allSettled(asked.map((r) => collect(engine.submit(r))));
    expect(first?.status).toBe('rejected');
    expect(second?.status).toBe('fulfilled');
    expect(leaks(engine)).toEqual([]);
  });
});

describe('a runner that fails for good', () => {
  it('makes the engine not ready and ends every request', async () => {
    const { engine, runner } = harness({ maxConsecutiveFailures: 4 });
    runner.beforeStep = () => {
      throw new Error('injected');
    };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, seed) => collect(engine.submit(request({ promptTokenIds: prompt(20, seed) })))),
    );
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(engine.load()).toMatchObject({ ready: false, running: 0, waiting: 0 });
    await expect(collect(engine.submit(request()))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'ENGINE_FAILED',
      retry: 'other',
    });
    expect(leaks(engine)).toEqual([]);
  });

  it('says why, from then on', async () => {
    const { engine, runner } = harness({ maxConsecutiveFailures: 1 });
    expect(engine.failure()).toBeNull();
    runner.beforeStep = () => {
      throw new Error('injected');
    };
    await expect(collect(engine.submit(request()))).rejects.toMatchObject({ reason: 'ENGINE_FAILED' });
    expect(engine.failure()).toMatchObject({ reason: 'ENGINE_FAILED', cause: { cause: { message: 'injected' } } });
  });

  it('by answering too little fails the requests instead of hanging', async () => {
    const { engine, runner } = harness();
    const attention = { layers: 0, kvReadBytes: 0, sequences: [] };
    runner.step = () => Promise.resolve({ samples: [], scores: [], logits: null, runMs: 0, sampleMs: 0, attention });
    await expect(collect(engine.submit(request()))).rejects.toMatchObject({ reason: 'STEP_FAILED' });
    expect(leaks(engine)).toEqual([]);
  });

  it('by giving nobody finite logits, not even the engine itself', async () => {
    const { engine, runner } = harness({ maxConsecutiveFailures: 3 });
    runner.allNaN = true;
    const reasons: unknown[] = [];
    for (let seed = 0; seed < 5; seed++) {
      await collect(engine.submit(request({ promptTokenIds: prompt(20, seed) }))).catch((error: AppError) =>
        reasons.push(error.reason),
      );
    }
    expect(reasons).toEqual([
      ...Array<string>(3).fill('MODEL_OUTPUT_NOT_FINITE'),
      ...Array<string>(2).fill('ENGINE_FAILED'),
    ]);
    expect(engine.load().ready).toBe(false);
    expect(leaks(engine)).toEqual([]);
  });
});

describe('requests that the model cannot compute, however many in a row', () => {
  it('end one by one and leave the engine as it was', async () => {
    const { engine, runner } = harness({ maxConsecutiveFailures: 3 });
    runner.beforeStep = ({ tokenIds }) => {
      if (tokenIds.includes(POISONED_TOKEN)) throw new Error('injected');
    };
    for (let i = 0; i < 20; i++) {
      const asked = collect(engine.submit(request({ promptTokenIds: Int32Array.of(1, POISONED_TOKEN, i) })));
      await expect(asked).rejects.toMatchObject({ reason: 'STEP_FAILED' });
    }
    const good = request({ promptTokenIds: clean(40, 1), sampling: { logitBias: new Map([[POISONED_TOKEN, -100]]) } });
    expect((await collect(engine.submit(good))).choices[0]?.tokens).toEqual(expectedTokens(good));
    expect(engine.failure()).toBeNull();
    await engine.drain();
    expect(leaks(engine)).toEqual([]);
  });

  it('because of their own logits cost the others not even a repeated step', async () => {
    const outcomes: string[] = [];
    const observer: EngineObserver = { step: ({ kind }) => void outcomes.push(kind) };
    const { engine, runner } = harness({ maxConsecutiveFailures: 3 }, { observer });
    runner.nanAfterToken = POISONED_TOKEN;
    const bias = { logitBias: new Map([[POISONED_TOKEN, -100]]) };
    const good = request({ promptTokenIds: clean(40, 9), sampling: bias, maxTokens: 30 });
    const bad = Array.from({ length: 12 }, (_, i) => request({ promptTokenIds: Int32Array.of(i, POISONED_TOKEN) }));
    const all = await Promise.allSettled([good, ...bad].map((asked) => collect(engine.submit(asked))));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', ...Array<string>(12).fill('rejected')]);
    expect(new Set(outcomes)).toEqual(new Set(['committed']));
    for (let i = 0; i < 12; i++) {
      const alone = collect(engine.submit(request({ promptTokenIds: Int32Array.of(POISONED_TOKEN) })));
      await expect(alone).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_NOT_FINITE' });
    }
    expect(engine.failure()).toBeNull();
    await engine.drain();
    expect(leaks(engine)).toEqual([]);
  });
});

describe('cached blocks are withdrawn', () => {
  /** 48 tokens: three blocks. */
  const shared = clean(48, 5);
  const bias = { logitBias: new Map([[POISONED_TOKEN, -100]]) };

  it('not when the request that found them ends with logits that are not finite', async () => {
    const { engine, runner } = harness();
    await collect(engine.submit(request({ promptTokenIds: shared, sampling: bias, maxTokens: 1 })));
    runner.nanAfterToken = POISONED_TOKEN;
    const bad = request({ promptTokenIds: Int32Array.from([...shared, POISONED_TOKEN]) });
    await expect(collect(engine.submit(bad))).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_NOT_FINITE' });
    const again = await collect(
      engine.submit(request({ promptTokenIds: Int32Array.from([...shared, 1]), sampling: bias })),
    );
    expect(again.done?.usage.cachedTokens).toBe(48);
  });

  it('not when another request has computed the same ones meanwhile', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 200 });
    runner.nanAfterToken = POISONED_TOKEN;
    const good = request({ promptTokenIds: Int32Array.from([...shared, 1]), sampling: bias });
    const bad = request({ promptTokenIds: Int32Array.from([...shared, 2, POISONED_TOKEN]) });
    await Promise.allSettled([good, bad].map((asked) => collect(engine.submit(asked))));
    const again = await collect(
      engine.submit(request({ promptTokenIds: Int32Array.from([...shared, 3]), sampling: bias })),
    );
    expect(again.done?.usage.cachedTokens).toBe(48);
  });

  it('not when every token is excluded, or a text cannot be made', async () => {
    const { engine } = harness();
    const tokenIds = Array.from({ length: 48 }, (_, token) => token);
    const excluded = request({ promptTokenIds: shared, stop: { tokenIds, minTokens: 1 } });
    await expect(collect(engine.submit(excluded))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'NO_TOKEN_LEFT',
      field: 'min_tokens',
    });
    const after = Int32Array.from([...shared, 1]);
    await collect(engine.submit(request({ promptTokenIds: after })));
    const again = await collect(engine.submit(request({ promptTokenIds: after })));
    expect(again.done?.usage.cachedTokens).toBe(48);
  });
});

describe('a defect in the accounting of pages', () => {
  it('fails the engine, whoever is being committed when it shows', async () => {
    const pool = new PagePool(1);
    // What a request that ends twice would run into.
    const detokenize = { open: () => ({ push: () => String(pool.release(0)), finish: () => '' }) };
    const { engine } = harness({}, { detokenize });
    const asked = [1, 2].map((seed) => collect(engine.submit(request({ promptTokenIds: prompt(20, seed) }))));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes).toMatchObject([{ reason: { reason: 'ENGINE_FAILED' } }, { reason: { reason: 'ENGINE_FAILED' } }]);
    expect(engine.failure()).toMatchObject({ cause: { reason: 'PAGE_RELEASED_TWICE' } });
  });
});

describe('an observer that throws', () => {
  it('does not disturb the engine', async () => {
    const observer = {
      step: () => {
        throw new Error('injected');
      },
    };
    const { engine } = harness({}, { observer });
    const asked = request();
    expect((await collect(engine.submit(asked))).choices[0]?.tokens).toEqual(expectedTokens(asked));
  });
});
