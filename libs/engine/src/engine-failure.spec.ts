import { describe, expect, it } from '@jest/globals';
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
    expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'MODEL_OUTPUT_INVALID' } });
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

  it('by answering too little fails the requests instead of hanging', async () => {
    const { engine, runner } = harness();
    runner.step = () => Promise.resolve({ samples: [], scores: [], runMs: 0, sampleMs: 0 });
    await expect(collect(engine.submit(request()))).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_INVALID' });
    expect(leaks(engine)).toEqual([]);
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
