import { describe, expect, it } from '@jest/globals';
import { DENSE, type CompiledPolicy, type PolicySpec } from '@longhaul/attention';
import type { GenerationRequest } from '@longhaul/inference';
import { QualityClass, readHead } from '@longhaul/kv-core';
import type { JudgeAttention } from './attention/judge.js';
import type { FinishedRequest } from './observer.js';
import type { RunnerStep } from './ports.js';
import {
  collect,
  expectedTokens,
  harness,
  leaks,
  prompt,
  request,
  simulatedModel,
  type Harness,
} from './testing/fixtures.js';
import { MemoryStore } from './testing/memory-store.js';
import { compiled, policies, policyKinds, type PolicyKind } from './testing/policies.js';
import { storeHarness } from './testing/store-fixtures.js';

const long = (attention: PolicySpec, overrides: Partial<GenerationRequest> = {}) =>
  request({ attention, promptTokenIds: prompt(420, 1), maxTokens: 12, ...overrides });

/** Runs one request; the tokens must be those of its policy. @returns tokens that were not computed. */
async function ask({ engine, runner }: Harness, asked: GenerationRequest): Promise<number> {
  const { choices, done } = await collect(engine.submit(asked));
  choices.forEach(({ tokens }, choice) => expect(tokens).toEqual(expectedTokens(asked, choice)));
  expect(leaks(engine)).toEqual([]);
  expect(runner.openStates).toBe(0);
  return done?.usage.cachedTokens ?? -1;
}

async function fill(attention: PolicySpec, asked = long(attention)): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = storeHarness(store);
  await ask(first, asked);
  await first.engine.close();
  return store;
}

const chunksOf = (steps: readonly RunnerStep[]) => steps.map(({ tokenIds }) => tokenIds.length);

describe('the simulated model', () => {
  it('gives other tokens under every policy, so that these tests can see whose KV a request got', () => {
    const answers = [DENSE, ...Object.values(policies)].map((policy) => expectedTokens(long(policy)).join());
    expect(new Set(answers).size).toBe(answers.length);
  });
});

describe.each(policyKinds)('a greedy answer under %s', (kind) => {
  const policy = policies[kind];

  it('is the same alone, with others, and in other chunks', async () => {
    await ask(harness(), long(policy));
    await ask(harness({ maxPrefillTokens: 128 }), long(policy));
    const together = harness({ maxPrefillTokens: 300, prefixCaching: false });
    const kinds: readonly PolicyKind[] = ['blocks', 'pages', kind];
    const asked = [DENSE, ...kinds.map((other) => policies[other])].map((other) => long(other));
    const answers = await Promise.all(asked.map((each) => collect(together.engine.submit(each))));
    answers.forEach(({ choices }, i) => expect(choices[0]?.tokens).toEqual(expectedTokens(asked[i]!)));
    expect(leaks(together.engine)).toEqual([]);
  });

  it('is the same warm from the pool and from a store, where equal policies find what they have computed', async () => {
    const pool = harness();
    expect(await ask(pool, long(policy))).toBe(0);
    const pooled = await ask(pool, long(policy));
    expect(pooled).toBeGreaterThanOrEqual(384);
    const stored = await ask(storeHarness(await fill(policy)), long(policy));
    expect(stored).toBe(384);
  });

  it('is the same after a preemption, and every state is closed', async () => {
    const small = harness({ pages: 64, prefixCaching: false });
    const asked = [1, 2].map((seed) => long(policy, { promptTokenIds: prompt(480, seed), maxTokens: 60 }));
    const preempted: unknown[] = [];
    const tight = harness({ pages: 66 }, { observer: { preempted: (sequence) => void preempted.push(sequence) } });
    for (const each of [small, tight]) {
      const answers = await Promise.all(asked.map((one) => collect(each.engine.submit(one))));
      answers.forEach(({ choices }, i) => expect(choices[0]?.tokens).toEqual(expectedTokens(asked[i]!)));
      expect(leaks(each.engine)).toEqual([]);
      expect(each.runner.openStates).toBe(0);
    }
    expect(preempted.length).toBeGreaterThan(0);
  });

  it('is the same in each of several choices, which begin with what the first one keeps', async () => {
    const { engine, runner } = harness();
    await ask({ engine, runner }, long(policy, { n: 3 }));
    expect(runner.forkedStates).toBe(2);
  });

  it('is the same when a step fails', async () => {
    const failing = harness({ pages: 66 });
    failing.runner.beforeStep = (_, index) => {
      if (index % 5 === 3) throw new Error('injected');
    };
    const asked = [1, 2].map((seed) => long(policy, { promptTokenIds: prompt(480, seed), maxTokens: 60 }));
    const answers = await Promise.all(asked.map((one) => collect(failing.engine.submit(one))));
    answers.forEach(({ choices }, i) => expect(choices[0]?.tokens).toEqual(expectedTokens(asked[i]!)));
    expect(failing.runner.openStates).toBe(0);
  });
});

describe('a step that fails', () => {
  it.each<PolicyKind>(['pages kept for 4 tokens', 'pages kept while alike'])(
    'when it had computed several generated tokens again under %s leaves no selection behind',
    async (kind) => {
      const { engine, runner } = harness({ pages: 66 });
      let failures = 0;
      runner.afterStep = ({ attention, pastLens, cuSeqlens }) => {
        const again = attention.some(({ sequence: b, decodeFrom }) => {
          const past = pastLens[b] as number;
          const end = past + (cuSeqlens[b + 1] as number) - (cuSeqlens[b] as number);
          return end - Math.max(past, decodeFrom) > 1;
        });
        if (again && failures++ === 0) throw new Error('injected');
      };
      const asked = [1, 2].map((seed) => long(policies[kind], { promptTokenIds: prompt(480, seed), maxTokens: 70 }));
      const answers = await Promise.all(asked.map((one) => collect(engine.submit(one))));
      answers.forEach(({ choices }, i) => expect(choices[0]?.tokens).toEqual(expectedTokens(asked[i]!)));
      expect(failures).toBeGreaterThan(1);
      expect(runner.openStates).toBe(0);
      expect(leaks(engine)).toEqual([]);
    },
  );
});

describe('a prompt whose selections look at whole blocks of queries', () => {
  it('is cut at multiples of 128 and at its end', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 300 });
    await ask({ engine, runner }, long(policies.blocks));
    expect(chunksOf(runner.steps.slice(0, 2))).toEqual([256, 164]);
    expect(runner.steps[0]?.attention).toMatchObject([{ sequence: 0, decodeFrom: 420 }]);
  });

  it('is cut anywhere where it is dense', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 150 });
    await ask({ engine, runner }, long(policies['blocks beyond 256']));
    expect(chunksOf(runner.steps.slice(0, 4))).toEqual([144, 112, 128, 36]);
  });

  it('advances beside short prompts that come all the time', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 128, maxSequences: 4 });
    let submitted = 0;
    const shorts: Promise<unknown>[] = [];
    runner.beforeStep = () => {
      const short = request({ promptTokenIds: prompt(100, 10 + submitted), maxTokens: 1 });
      if (submitted++ < 30) shorts.push(collect(engine.submit(short)));
    };
    let after = -1;
    await collect(engine.submit(long(policies.blocks, { maxTokens: 1 }))).then(() => (after = submitted));
    expect(after).toBeLessThan(10);
    await Promise.all(shorts);
  });

  it('is refused by an engine whose steps are too small, by name', async () => {
    const { engine } = harness({ maxPrefillTokens: 127 });
    const refused = collect(engine.submit(long(policies.blocks)));
    const message = expect.stringMatching(/128 tokens at a time.*127.*--max-num-batched-tokens/);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'attention', message });
    await ask(harness({ maxPrefillTokens: 127 }), long(policies.mask));
  });

  it('has log-probabilities of its tokens, where a step may score so many', async () => {
    const asked = long(policies.blocks, { promptLogprobs: 0 });
    const { prompt: scored } = await collect(harness().engine.submit(asked));
    expect(scored?.promptLogprobs).toHaveLength(420);
    const refused = collect(harness({ maxScoreRows: 64 }).engine.submit(asked));
    await expect(refused).rejects.toMatchObject({ field: 'prompt_logprobs' });
  });
});

describe('KV in the pool', () => {
  it.each<[PolicyKind | 'dense', PolicyKind | 'dense', number]>([
    ['dense', 'blocks', 0],
    ['blocks', 'dense', 0],
    ['mask', 'blocks', 0],
    ['blocks', 'blocks and pages', 384],
    ['blocks and pages', 'pages kept for 4 tokens', 384],
    ['dense', 'blocks beyond 256', 256],
    ['blocks beyond 256', 'dense', 256],
    ['blocks', 'blocks beyond 256', 0],
    ['blocks beyond 256', 'few blocks beyond 256', 256],
    ['dense', 'mask beyond 40', 32],
    ['mask beyond 40', 'dense', 32],
    ['dense', 'pages', 416],
    ['pages', 'dense', 416],
    ['pages', 'pages beyond 120', 416],
  ])('of %s serves %s as far as both compute the prompt alike', async (first, second, tokens) => {
    const pool = harness();
    const of = (kind: PolicyKind | 'dense') => long(kind === 'dense' ? DENSE : policies[kind]);
    await ask(pool, of(first));
    expect(await ask(pool, of(second))).toBe(tokens);
    expect(await ask(pool, of(first))).toBeGreaterThanOrEqual(384);
  });

  const conversation = async (pool: Harness, attention: PolicySpec, promptLength: number): Promise<number> => {
    const asked = request({ attention, promptTokenIds: prompt(promptLength, 3), maxTokens: 60 });
    await ask(pool, asked);
    const whole = Int32Array.from([...asked.promptTokenIds, ...expectedTokens(asked)]);
    return ask(pool, request({ attention, promptTokenIds: whole }));
  };

  it('has generated tokens only where nothing was left out for them', async () => {
    expect(await conversation(harness(), DENSE, 40)).toBe(96);
    expect(await conversation(harness(), policies.pages, 40)).toBe(32);
    expect(await conversation(harness(), policies['pages beyond 120'], 100)).toBe(112);
    expect(await conversation(harness(), policies['blocks beyond 256'], 220)).toBe(256);
    expect(await conversation(harness(), policies.mask, 100)).toBe(96);
  });

  it('of a prompt serves no preempted sequence that has generated the same tokens', async () => {
    const preempted: string[] = [];
    const observer = { preempted: ({ requestId }: { requestId: string }) => void preempted.push(requestId) };
    const { engine } = harness({ pages: 43 }, { observer });
    const answers = request({ attention: policies.mask, promptTokenIds: prompt(100, 1), maxTokens: 150 });
    const told = [...answers.promptTokenIds, ...expectedTokens(answers).slice(0, 60)];
    const asks = request({ attention: policies.mask, promptTokenIds: Int32Array.from(told), maxTokens: 200 });
    const other = request({ promptTokenIds: prompt(300, 2), maxTokens: 120 });
    const all = [asks, other, answers];
    const got = await Promise.all(all.map((one) => collect(engine.submit(one))));
    got.forEach(({ choices }, i) => expect(choices[0]?.tokens).toEqual(expectedTokens(all[i]!)));
    expect(preempted).toContain(answers.requestId);
    expect(leaks(engine)).toEqual([]);
  });

  it('has no last block of queries of a prompt, whose selection a longer prompt would not share', async () => {
    const pool = harness();
    const found: number[] = [];
    for (const length of [420, 450, 480, 512, 560]) {
      found.push(await ask(pool, long(policies.blocks, { promptTokenIds: prompt(600, 1).slice(0, length) })));
    }
    expect(found).toEqual([0, 384, 384, 384, 512]);
  });
});

describe('blocks in a store', () => {
  const qualities = (store: MemoryStore) =>
    [...store.objects.values()].map((bytes) => readHead(bytes, {}).header.quality);
  const { exact, derived } = QualityClass;

  it('say that they are exact where they lie wholly below the first token that is not', async () => {
    expect(qualities(await fill(policies.pages))).toEqual(Array.from({ length: 6 }, () => exact));
    expect(qualities(await fill(policies.blocks))).toEqual(Array.from({ length: 6 }, () => derived));
    expect(qualities(await fill(policies['blocks beyond 256']))).toEqual([
      exact,
      exact,
      exact,
      exact,
      derived,
      derived,
    ]);
    expect(qualities(await fill(policies['mask beyond 40']))).toEqual(Array.from({ length: 6 }, () => derived));
    expect(qualities(await fill({ ...policies.mask, dense_below: 80 }))[0]).toBe(exact);
  });

  it.each<[PolicyKind | 'dense', PolicyKind | 'dense', number]>([
    ['dense', 'blocks', 0],
    ['blocks', 'dense', 0],
    ['dense', 'blocks beyond 256', 256],
    ['blocks beyond 256', 'dense', 256],
    ['dense', 'mask beyond 40', 0],
    ['dense', 'pages', 384],
    ['blocks', 'blocks and pages', 384],
  ])('of %s serve %s as far as both compute the prompt alike', async (first, second, tokens) => {
    const of = (kind: PolicyKind | 'dense') => (kind === 'dense' ? DENSE : policies[kind]);
    expect(await ask(storeHarness(await fill(of(first))), long(of(second)))).toBe(tokens);
  });

  it('are loaded up to where a chunk may begin', async () => {
    const of = (length: number) => long(policies.blocks, { promptTokenIds: prompt(600, 1).slice(0, length) });
    const store = await fill(policies.blocks, of(600));
    expect(store.objects.size).toBe(8);
    expect(await ask(storeHarness(store), of(450))).toBe(384);
    store.objects.delete([...store.objects.keys()].at(-1)!);
    expect(await ask(storeHarness(store), of(600))).toBe(384);
  });
});

describe('a request', () => {
  it('is told what its policy has read, by phase', async () => {
    const finished: FinishedRequest[] = [];
    const { engine } = harness({}, { observer: { finished: (told) => void finished.push(told) } });
    const { done } = await collect(engine.submit(long(policies.pages)));
    const usage = { policy: 'pages', quality: 'sparse', audit: null, fallbacks: 0 };
    expect(done?.usage.attention).toMatchObject({ ...usage, density: { prefill: 0.5, decode: 0.25 } });
    expect(done?.usage.attention?.kvReadBytes).toBe(100 * (420 + 11));
    expect(finished[0]?.policy).toEqual({ label: 'custom', density: { prefill: 0.5, decode: 0.25 } });
    const dense = await collect(engine.submit(long(DENSE)));
    expect(dense.done?.usage.attention).toMatchObject({ policy: 'dense', quality: 'exact', density: { prefill: 1 } });
    expect(finished[1]?.policy).toEqual({ label: 'dense', density: { prefill: null, decode: null } });
  });

  it('that asks for more exact KV than its policy gives is refused with what there is', async () => {
    const refused = collect(harness().engine.submit(long(policies.blocks, { quality: 'near' })));
    await expect(refused).rejects.toMatchObject({ field: 'quality', details: { asked: 'near', given: 'sparse' } });
    await ask(harness(), long(policies.blocks, { quality: 'sparse' }));
  });

  it('under a policy is refused by an engine that has none, and dense ones are served', async () => {
    const { engine, runner } = harness({}, { attention: null });
    const refused = collect(engine.submit(long(policies.pages)));
    await expect(refused).rejects.toMatchObject({ field: 'attention', code: 'INVALID_ARGUMENT' });
    await ask({ engine, runner }, long(DENSE));
  });

  it('under a policy that the model forbids is refused with the field of the policy', async () => {
    const attention = { plans: [{ ...policies.pages.plans[0], kv_heads: [7] }] } satisfies PolicySpec;
    const refused = collect(harness().engine.submit(long(attention)));
    await expect(refused).rejects.toMatchObject({ field: expect.stringMatching(/^attention\./) });
  });

  it('under a policy that the runner refuses is refused before anything is computed', async () => {
    const { engine, runner } = harness();
    runner.openAttention = () => {
      throw new Error('plans[0].summary: is not built');
    };
    const refused = collect(engine.submit(long(policies.pages)));
    await expect(refused).rejects.toMatchObject({ field: 'attention', code: 'INVALID_ARGUMENT' });
    expect(runner.steps).toEqual([]);
    await ask({ engine, runner }, long(DENSE));
  });

  it('whose tokens may not be drafted is refused when it asks for it', async () => {
    const speculation = { kind: 'lookup', maxDraftTokens: 4 } as const;
    const refused = collect(harness().engine.submit(long(policies['pages kept for 4 tokens'], { speculation })));
    await expect(refused).rejects.toMatchObject({ field: 'speculation' });
  });
});

describe('a choice that falls back to a denser policy', () => {
  /** After so many generated tokens, to this. */
  function judged(after: number, to: CompiledPolicy | null): JudgeAttention {
    const seen = new Map<string, number>();
    return ({ requestId }, { decodeVisible }) => {
      const count = (seen.get(requestId) ?? 0) + (decodeVisible > 0 ? 1 : 0);
      seen.set(requestId, count);
      return count === after && decodeVisible > 0 ? { kind: 'fall-back', to } : { kind: 'keep' };
    };
  }

  it.each<[string, CompiledPolicy | null, number]>([
    ['dense attention', null, 9],
    ['another policy', compiled(policies.pages), 9],
    ['dense attention after it', null, 52],
  ])('says the same after a preemption, also with %s', async (_, to, after) => {
    const asked = [1, 2].map((seed) =>
      long(policies['pages kept for 4 tokens'], { promptTokenIds: prompt(480, seed), maxTokens: 60 }),
    );
    const answers: number[][][] = [];
    for (const pages of [512, 66]) {
      const { engine, runner } = harness({ pages, maxPrefillTokens: 480 }, { judgeAttention: judged(after, to) });
      const got = await Promise.all(asked.map((one) => collect(engine.submit(one))));
      answers.push(got.map(({ choices }) => choices[0]?.tokens ?? []));
      expect(got.map(({ done }) => done?.usage.attention?.fallbacks)).toEqual([1, 1]);
      expect(leaks(engine)).toEqual([]);
      expect(runner.openStates).toBe(0);
    }
    expect(answers[1]).toEqual(answers[0]);
    asked.forEach((one, i) => {
      const [mine, without] = [answers[0]?.[i] ?? [], expectedTokens(one)];
      expect(mine.slice(0, after + 1)).toEqual(without.slice(0, after + 1));
      expect(mine).not.toEqual(without);
    });
  });
});

describe('KV of another class', () => {
  it('is told by the worse of policy and KV type', async () => {
    const near = harness({}, { model: { ...simulatedModel, kvQuality: 'near' } });
    const { done } = await collect(near.engine.submit(long(policies['pages beyond 120'])));
    expect(done?.usage.attention?.quality).toBe('sparse');
    expect((await collect(near.engine.submit(long(DENSE)))).done?.usage.attention?.quality).toBe('near');
  });
});
