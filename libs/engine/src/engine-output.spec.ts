import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import { engineViolations } from './invariants.js';
import type { EngineLimits } from './limits.js';
import {
  collect,
  expectedTokens,
  harness,
  leaks,
  pieceOf,
  prompt,
  request,
  type Overrides,
} from './testing/fixtures.js';
import { mix } from './testing/simulated-runner.js';

/** Requests of every kind: lengths around page borders, greedy and sampled, penalties, several choices. */
function mixedRequests(count: number, seed: number): GenerationRequest[] {
  return Array.from({ length: count }, (_, i) => {
    const h = mix(seed, i);
    const overrides: Overrides = {
      promptTokenIds: prompt([1, 15, 16, 17, 31, 33, 64, 130, 400][h % 9] as number, h % 5),
      maxTokens: 1 + (h % 40),
      n: h % 6 === 0 ? 3 : 1,
      sampling: {
        temperature: h % 2 === 0 ? 0 : 0.8,
        seed: BigInt(h),
        repetitionPenalty: h % 7 === 0 ? 1.3 : 1,
        frequencyPenalty: h % 5 === 0 ? 0.5 : 0,
        topP: h % 3 === 0 ? 0.9 : 1,
      },
      stop: { ignoreEos: h % 4 !== 0, minTokens: h % 8 === 0 ? 1 : 0 },
    };
    return request(overrides);
  });
}

async function runAll(limits: Partial<EngineLimits>, requests: readonly GenerationRequest[]): Promise<void> {
  const { engine, runner } = harness(limits);
  runner.beforeStep = () => {
    expect(engineViolations(engine.snapshot())).toEqual([]);
  };
  const results = await Promise.all(requests.map((asked) => collect(engine.submit(asked))));
  results.forEach(({ choices }, i) => {
    const asked = requests[i] as GenerationRequest;
    const tokens = Array.from({ length: asked.n }, (_, choice) => expectedTokens(asked, choice));
    expect(choices.map((choice) => choice.tokens)).toEqual(tokens);
  });
  expect(leaks(engine)).toEqual([]);
}

const NO_DRAFTS = {
  ...{ draftedTokens: 0, acceptedTokens: 0 },
  attention: expect.objectContaining({ policy: 'dense', density: { prefill: 1, decode: 1 } }),
};

describe('a request alone', () => {
  it('gives the tokens of the model, their text, and one event of each kind', async () => {
    const { engine } = harness();
    const asked = request({ promptTokenIds: prompt(100, 3), maxTokens: 50 });
    const { choices, prompt: event, done } = await collect(engine.submit(asked));
    const tokens = expectedTokens(asked);
    expect(choices).toEqual([
      { tokens, text: tokens.map(pieceOf).join(''), logprobs: [], reason: 'length', stopString: null },
    ]);
    expect(event).toEqual({ kind: 'prompt', cachedTokens: 0, promptLogprobs: null });
    expect(done?.usage).toEqual({ promptTokens: 100, cachedTokens: 0, completionTokens: 50, ...NO_DRAFTS });
    expect(leaks(engine)).toEqual([]);
  });
});

describe('the output does not depend on', () => {
  it.each([100_000, 512, 64, 17, 1])('the prefill budget: %i tokens', async (maxPrefillTokens) => {
    const limits = { maxPrefillTokens, maxBatchedTokens: 200_000, maxSequences: 8 };
    await runAll(limits, mixedRequests(12, 5));
  });

  it.each([1, 2, 5, 32])('the batch: %i sequences at most', async (maxSequences) => {
    const requests = mixedRequests(16, 9).filter(({ n }) => n <= maxSequences);
    await runAll({ maxSequences }, requests);
  });

  it.each([29, 34, 40, 60, 90])('preemption: %i pages', async (pages) => {
    await runAll({ pages, maxSequences: 12 }, mixedRequests(20, 11));
  });

  it('the prefix cache', async () => {
    await runAll({ prefixCaching: false }, mixedRequests(12, 3));
    await runAll({ prefixCaching: true }, [...mixedRequests(12, 3), ...mixedRequests(12, 3)]);
  });
});

describe('preemption', () => {
  it('happens when pages run short, takes the latest admitted, and loses no token', async () => {
    const preempted: string[] = [];
    const observer = { preempted: ({ requestId }: { requestId: string }) => void preempted.push(requestId) };
    const { engine } = harness({ pages: 8, prefixCaching: false }, { observer });
    const first = request({ requestId: 'first', promptTokenIds: prompt(30, 1), maxTokens: 90 });
    const second = request({ requestId: 'second', promptTokenIds: prompt(30, 2), maxTokens: 90 });
    const results = await Promise.all([first, second].map((asked) => collect(engine.submit(asked))));
    expect(results.map(({ choices }) => choices[0]?.tokens)).toEqual([expectedTokens(first), expectedTokens(second)]);
    expect(preempted.length).toBeGreaterThan(0);
    expect(new Set(preempted)).toEqual(new Set(['second']));
    expect(leaks(engine)).toEqual([]);
  });
});

describe('several choices', () => {
  it('compute the prompt once and share its pages', async () => {
    const { engine, runner } = harness();
    const asked = request({
      promptTokenIds: prompt(40, 4),
      n: 4,
      maxTokens: 30,
      sampling: { temperature: 1, seed: 8n },
    });
    let mostPages = 0;
    runner.beforeStep = () => {
      const { references } = engine.snapshot().pages;
      mostPages = Math.max(mostPages, references.filter((count) => count > 0).length);
    };
    const { choices, done } = await collect(engine.submit(asked));
    expect(choices.map(({ tokens }) => tokens)).toEqual([0, 1, 2, 3].map((choice) => expectedTokens(asked, choice)));
    expect(new Set(choices.map(({ text }) => text)).size).toBe(4);
    expect(runner.steps.flatMap(({ attention }) => attention)).toEqual([]);
    expect(runner.steps[0]?.tokenIds.length).toBe(40);
    expect(runner.steps[1]?.tokenIds.length).toBe(4);
    // Two full pages of the prompt are shared; each choice has three of its own.
    expect(mostPages).toBeLessThanOrEqual(2 + 4 * 3);
    expect(done?.usage).toEqual({ promptTokens: 40, cachedTokens: 0, completionTokens: 120, ...NO_DRAFTS });
    expect(leaks(engine)).toEqual([]);
  });
});

describe('the prefix cache', () => {
  it('serves full blocks of an earlier prompt and of its answer', async () => {
    const { engine, runner } = harness();
    const first = request({ promptTokenIds: prompt(50, 6), maxTokens: 40 });
    const answer = expectedTokens(first);
    await collect(engine.submit(first));
    const next = request({
      promptTokenIds: Int32Array.from([...first.promptTokenIds, ...answer, 5, 6, 7]),
      maxTokens: 5,
    });
    const { choices, done } = await collect(engine.submit(next));
    // 89 tokens were stored: 5 full blocks.
    expect(done?.usage.cachedTokens).toBe(80);
    expect(runner.steps.at(-5)?.tokenIds.length).toBe(13);
    expect(choices[0]?.tokens).toEqual(expectedTokens(next));
  });

  it('computes at least the last token of a prompt that is cached as a whole', async () => {
    const { engine } = harness();
    const asked = (): GenerationRequest => request({ promptTokenIds: prompt(48, 6), maxTokens: 3 });
    await collect(engine.submit(asked()));
    const { done, choices } = await collect(engine.submit(asked()));
    expect(done?.usage.cachedTokens).toBe(32);
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked()));
  });

  it('is not shared between salts', async () => {
    const { engine } = harness();
    const promptTokenIds = prompt(100, 6);
    await collect(engine.submit(request({ promptTokenIds, cacheSalt: 'a' })));
    const other = await collect(engine.submit(request({ promptTokenIds, cacheSalt: 'b' })));
    const same = await collect(engine.submit(request({ promptTokenIds, cacheSalt: 'a' })));
    expect([other.done?.usage.cachedTokens, same.done?.usage.cachedTokens]).toEqual([0, 96]);
  });

  it('is shared by the same text whatever may be added to it, and gives the same first tokens', async () => {
    const { engine } = harness();
    const promptTokenIds = prompt(390, 5);
    const small = await collect(engine.submit(request({ promptTokenIds, maxTokens: 5 })));
    const long = request({ promptTokenIds, maxTokens: 200 });
    const { done, choices } = await collect(engine.submit(long));
    expect(done?.usage.cachedTokens).toBe(384);
    expect(choices[0]?.tokens.slice(0, 5)).toEqual(small.choices[0]?.tokens);
    expect(choices[0]?.tokens).toEqual(expectedTokens(long));
  });

  it('is not shared between texts that are rotated otherwise for their length', async () => {
    const { engine } = harness();
    const promptTokenIds = prompt(500, 5);
    await collect(engine.submit(request({ promptTokenIds: promptTokenIds.subarray(0, 300) })));
    const longer = request({ promptTokenIds, maxTokens: 5 });
    const { done, choices } = await collect(engine.submit(longer));
    expect(done?.usage.cachedTokens).toBe(0);
    expect(choices[0]?.tokens).toEqual(expectedTokens(longer));
  });
  it('gives way to live sequences, the least recently used leaf first', async () => {
    const { engine } = harness({ pages: 16 });
    for (let seed = 0; seed < 12; seed++) {
      const asked = request({ promptTokenIds: prompt(60 + seed, seed), maxTokens: 20 });
      const { choices } = await collect(engine.submit(asked));
      expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
      expect(leaks(engine)).toEqual([]);
    }
  });

  it('is not used by a request that wants prompt log-probabilities', async () => {
    const { engine } = harness();
    const promptTokenIds = prompt(64, 2);
    await collect(engine.submit(request({ promptTokenIds })));
    const { done } = await collect(engine.submit(request({ promptTokenIds, promptLogprobs: 0 })));
    expect(done?.usage.cachedTokens).toBe(0);
  });
});

describe('a text that outgrows its rotation', () => {
  it('is computed again with its own, once, and leaves nothing behind', async () => {
    const lost: number[] = [];
    const observer = { preempted: ({ lostTokens }: { lostTokens: number }) => lost.push(lostTokens) };
    const { engine } = harness({}, { observer });
    const asked = request({ promptTokenIds: prompt(395, 6), maxTokens: 40 });
    const { choices, done } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(lost).toEqual([400]);
    expect(done?.usage.completionTokens).toBe(40);
    expect(leaks(engine)).toEqual([]);
  });

  it('finds a prefix of the rotation that it grows into', async () => {
    const { engine, runner } = harness();
    const asked = request({ promptTokenIds: prompt(395, 6), maxTokens: 40 });
    const output = expectedTokens(asked);
    const whole = Int32Array.from([...asked.promptTokenIds, ...output]);
    await collect(engine.submit(request({ promptTokenIds: whole, maxTokens: 1 })));
    const before = runner.steps.length;
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(output);
    const longest = Math.max(...runner.steps.slice(before + 1).map(({ tokenIds }) => tokenIds.length));
    expect(longest).toBeLessThan(32);
  });
});
