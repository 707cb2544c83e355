import { describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import type { GenerationRequest } from '@longhaul/inference';
import { auditKey, defaultAudit } from './attention/audit.js';
import type { EngineObserver, FallBack } from './observer.js';
import { collect, expectedTokens, harness, leaks, prompt, request, type Harness } from './testing/fixtures.js';
import { compiled, policies } from './testing/policies.js';
import type { SimulatedAttention } from './testing/simulated-attention.js';
import type { RecallAt } from './testing/simulated-runner.js';

const PROMPT = 480;
/** Generated tokens before the policy keeps too little. */
const GOOD = 10;

const long = (seed: number, overrides: Partial<GenerationRequest> = {}) =>
  request({ attention: policies.pages, promptTokenIds: prompt(PROMPT, seed), maxTokens: 60, ...overrides });

interface Made {
  pages?: number;
  share?: number;
  recallAt?: RecallAt;
  observer?: EngineObserver;
}

function audited({ pages = 512, share = 0.5, recallAt = () => 0.9, observer = {} }: Made): Harness {
  const made = harness({ pages, maxPrefillTokens: 480 }, { audit: { ...defaultAudit, share }, observer });
  made.runner.recallAt = recallAt;
  return made;
}

/** Under every policy. */
const failing: RecallAt = (position) => (position < PROMPT + GOOD ? 0.9 : 0.1);
/** Under the policy that was asked for; the denser one keeps enough. */
const failingAtFirst: RecallAt = (position, policy) => (policy.denser === null ? 0.9 : failing(position, policy));

async function answers({ engine, runner }: Harness, asked: readonly GenerationRequest[]) {
  const got = await Promise.all(asked.map((one) => collect(engine.submit(one))));
  expect(leaks(engine)).toEqual([]);
  expect(runner.openStates).toBe(0);
  return got.map(({ choices, done }) => ({ tokens: choices[0]?.tokens ?? [], usage: done?.usage.attention }));
}

describe('the audit', () => {
  it('tells of nothing where it is off, and of dense requests', async () => {
    const [off] = await answers(audited({ share: 0 }), [long(1)]);
    const [dense] = await answers(audited({ share: 1 }), [long(1, { attention: DENSE })]);
    expect([off?.usage?.audit, dense?.usage?.audit]).toEqual([null, null]);
  });

  it('changes no token of a policy that keeps enough', async () => {
    const [one] = await answers(audited({ share: 1 }), [long(1)]);
    expect(one?.tokens).toEqual(expectedTokens(long(1)));
    expect(one?.usage).toMatchObject({ fallbacks: 0, audit: { samples: PROMPT + 59, breaches: 0 } });
    expect(one?.usage?.audit?.recall).toBeCloseTo(0.9);
  });

  it('gives every prompt samples of its own, the same every time', () => {
    const keys = [1, 2, 1].map((seed) => auditKey(prompt(PROMPT, seed)));
    expect(keys[0]).toBe(keys[2]);
    expect(keys[0]).not.toBe(keys[1]);
    expect(auditKey(new Int32Array([1, 2]))).not.toBe(auditKey(new Int32Array([2, 1])));
  });

  it.each([-0.1, 1.1, NaN])('refuses a share of %d', (share) => {
    expect(() => audited({ share })).toThrow(/audit\.share must be between 0 and 1/);
  });
});

describe('a choice whose policy keeps too little', () => {
  it('goes on under a denser one, and says so', async () => {
    const told: FallBack[] = [];
    const made = { recallAt: failingAtFirst, observer: { fellBack: (of: FallBack) => void told.push(of) } };
    const [one] = await answers(audited(made), [long(1)]);
    expect(told).toEqual([
      { requestId: expect.any(String), choice: 0, label: 'custom', to: 'denser', recall: expect.any(Number), kl: null },
    ]);
    expect(one?.usage).toMatchObject({ fallbacks: 1 });
    expect(one?.usage?.audit?.breaches).toBeGreaterThan(0);
    const without = expectedTokens(long(1));
    expect(one?.tokens.slice(0, GOOD)).toEqual(without.slice(0, GOOD));
    expect(one?.tokens).not.toEqual(without);
  });

  it('goes on densely where the denser one keeps too little as well, by samples of its own', async () => {
    const told: FallBack[] = [];
    const made = { recallAt: failing, observer: { fellBack: (of: FallBack) => void told.push(of) } };
    const { engine, runner } = audited(made);
    const [one] = await answers({ engine, runner }, [long(1)]);
    expect(told.map(({ to }) => to)).toEqual(['denser', 'dense']);
    expect(one?.usage?.fallbacks).toBe(2);
    const policy = compiled(policies.pages);
    const used = runner.steps.map(({ attention: [of] }) => of && (of.state as SimulatedAttention).policy.numericsId);
    const changes = used.filter((each, i) => i === 0 || each !== used[i - 1]);
    expect(changes).toEqual([policy?.numericsId, policy?.denser?.numericsId, undefined]);
  });

  it('is held to the bound of its policy, where that has one', async () => {
    const fell = async (least_recall: number) => {
      const attention = { ...policies.pages, audit: { least_recall } };
      const [one] = await answers(audited({ recallAt: () => 0.7 }), [long(1, { attention })]);
      return [one?.usage?.fallbacks, (one?.usage?.audit?.breaches ?? 0) > 0];
    };
    expect(await fell(0.8)).toEqual([2, true]);
    expect(await fell(0.6)).toEqual([0, false]);
    const [others] = await answers(audited({ recallAt: () => 0.7 }), [long(1)]);
    expect(others?.usage?.fallbacks).toBe(0);
  });

  it.each<[string, RecallAt, number]>([
    ['to the denser one', failingAtFirst, 1],
    ['to dense attention', failing, 2],
  ])('falls back %s at the same token alone, with others, and after a preemption', async (_, recallAt, fallbacks) => {
    const asked = [1, 2].map((seed) => long(seed));
    const alone: Awaited<ReturnType<typeof answers>> = [];
    for (const one of asked) alone.push(...(await answers(audited({ recallAt }), [one])));
    for (const pages of [512, 66]) {
      const lost: object[] = [];
      const observer: EngineObserver = { preempted: (of) => void lost.push(of) };
      const together = await answers(audited({ pages, recallAt, observer }), asked);
      expect(lost.length > 0).toBe(pages === 66);
      expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
      together.forEach(({ usage }, i) => {
        const { samples = 0, breaches, recall } = alone[i]?.usage?.audit ?? {};
        expect(usage).toMatchObject({ fallbacks, audit: { samples, breaches } });
        expect(usage?.audit?.recall).toBeCloseTo(recall ?? NaN);
      });
    }
  });

  it('says the same over what it has left in the pool, of which the prompt alone is found', async () => {
    const warm = audited({ recallAt: failing });
    const [first] = await answers(warm, [long(1)]);
    const [second] = await answers(warm, [long(1)]);
    expect(second?.tokens).toEqual(first?.tokens);
    const whole = Int32Array.from([...prompt(PROMPT, 1), ...(first?.tokens ?? [])]);
    const next = long(1, { promptTokenIds: whole, attention: DENSE });
    const { choices, done } = await collect(warm.engine.submit(next));
    expect(choices[0]?.tokens).toEqual(expectedTokens(next));
    expect(done?.usage.cachedTokens).toBe(PROMPT);
  });

  it('keeps its policy where a prompt alone is poor: others may have its KV', async () => {
    const [one] = await answers(audited({ recallAt: (position) => (position < PROMPT ? 0 : 0.9) }), [long(1)]);
    expect(one?.usage).toMatchObject({ fallbacks: 0, audit: { breaches: 0 } });
    expect(one?.tokens).toEqual(expectedTokens(long(1)));
  });

  it('keeps its policy where tokens are drafted: samples of refused ones are among its own', async () => {
    const speculation = { kind: 'lookup', maxDraftTokens: 4 } as const;
    const [one] = await answers(audited({ recallAt: () => 0 }), [long(1, { speculation })]);
    expect(one?.tokens).toEqual(expectedTokens(long(1)));
    expect(one?.usage?.fallbacks).toBe(0);
  });
});
