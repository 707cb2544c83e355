import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import { klDivergence } from './attention/kl-divergence.js';
import type { AuditOptions } from './attention/audit.js';
import type { EngineObserver, FallBack } from './observer.js';
import type { RunnerStep } from './ports.js';
import { collect, expectedTokens, harness, leaks, prompt, request, type Harness } from './testing/fixtures.js';
import { compiled, policies } from './testing/policies.js';
import { SimulatedAttention } from './testing/simulated-attention.js';
import { logitsOf, mix, simulatedRope, SimulatedRunner, storedValue } from './testing/simulated-runner.js';

const PROMPT = 480;
const TOKENS = 60;
const STEPS = TOKENS - 1;

const long = (seed: number, overrides: Partial<GenerationRequest> = {}) =>
  request({ attention: policies.pages, promptTokenIds: prompt(PROMPT, seed), maxTokens: TOKENS, ...overrides });

interface Made {
  pages?: number;
  audit?: Partial<AuditOptions>;
  observer?: EngineObserver;
}

function compared({ pages = 512, audit = {}, observer = {} }: Made = {}): Harness {
  const options = { share: 0, klShare: 1, leastRecall: 0, mostKl: 100, ...audit };
  return harness({ pages, maxPrefillTokens: 480 }, { audit: options, observer });
}

async function answers({ engine, runner }: Harness, asked: readonly GenerationRequest[]) {
  const got = await Promise.all(asked.map((one) => collect(engine.submit(one))));
  expect(leaks(engine)).toEqual([]);
  expect(runner.openStates).toBe(0);
  expect(engine.scratchPagesInUse()).toBe(0);
  return got.map(({ choices, done }) => ({ choices, tokens: choices[0]?.tokens ?? [], usage: done?.usage.attention }));
}

const isComparison = ({ wantLogits, samples }: RunnerStep) => wantLogits !== false && samples.length === 0;

/** Nats by generated token, computed without engine and pages: the same context, seen by the policy and as a whole. */
function expectedKl(asked: GenerationRequest): number[] {
  const policy = compiled(asked.attention);
  if (policy === null) return [];
  const attention = new SimulatedAttention(policy, () => undefined, { options: {}, forked: null });
  const tokens = [...asked.promptTokenIds, ...expectedTokens(asked)];
  const rope = simulatedRope.forLength(PROMPT).invFreq[0] ?? 0;
  const found: number[] = [];
  let state = 0;
  for (const [position, token] of tokens.slice(0, -1).entries()) {
    const seen = attention.see({ position, state }, { begin: position, tokens: Int32Array.of(token) }, PROMPT);
    const logits = [seen, null].map((view) => {
      const context = view === null ? state : mix(state, view);
      const stored = storedValue(context, token, position, rope);
      return { stored, row: logitsOf(mix(context, stored)) };
    });
    const [served, dense] = logits as [(typeof logits)[0], (typeof logits)[0]];
    if (position >= PROMPT) found.push(klDivergence(dense.row, served.row));
    state = mix(state, served.stored);
  }
  return found;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a step that is also computed densely', () => {
  it('tells how far the next token is from that of dense attention over the same text', async () => {
    const told: (number | null)[] = [];
    const [one] = await answers(compared({ observer: { audited: ({ kl }) => void told.push(kl) } }), [long(1)]);
    expect(told).toEqual(expectedKl(long(1)));
    expect(Math.min(...expectedKl(long(1)))).toBeGreaterThan(0);
    expect(one?.usage?.audit).toMatchObject({ samples: 0, recall: null, klSamples: STEPS, breaches: 0 });
    expect(one?.usage?.audit?.kl).toBeCloseTo(mean(expectedKl(long(1))));
  });

  it('changes no token, no KV that anybody reads, and no selection that is kept', async () => {
    for (const kind of ['pages', 'blocks and pages', 'pages kept for 4 tokens', 'pages kept while alike'] as const) {
      const asked = [1, 2].map((seed) => long(seed, { attention: policies[kind] }));
      for (const pages of [512, 66]) {
        const got = await answers(compared({ pages }), [...asked]);
        got.forEach(({ tokens }, i) => expect(tokens).toEqual(expectedTokens(asked[i]!)));
      }
      const warm = compared();
      for (let i = 0; i < 2; i++)
        expect((await answers(warm, [asked[0]!]))[0]?.tokens).toEqual(expectedTokens(asked[0]!));
    }
  });

  it('says the same alone, with others, and after a preemption', async () => {
    const asked = [1, 2].map((seed) => long(seed));
    for (const pages of [512, 66]) {
      const lost: object[] = [];
      const observer: EngineObserver = { preempted: (of) => void lost.push(of) };
      const got = await answers(compared({ pages, observer, audit: { klShare: 0.2 } }), asked);
      expect(lost.length > 0).toBe(pages === 66);
      for (const [i, { usage }] of got.entries()) {
        const [alone] = await answers(compared({ audit: { klShare: 0.2 } }), [asked[i]!]);
        const { klSamples = 0, kl } = alone?.usage?.audit ?? {};
        expect(klSamples).toBeGreaterThan(0);
        expect(klSamples).toBeLessThan(STEPS);
        expect(usage?.audit?.klSamples).toBe(klSamples);
        expect(usage?.audit?.kl).toBeCloseTo(kl ?? NaN);
      }
    }
  });

  it('has one page of its own, which is seen while it is used', async () => {
    const { engine, runner } = compared({ audit: { klShare: 0.5 } });
    const used: [boolean, number][] = [];
    runner.beforeStep = (step) => void used.push([isComparison(step), engine.scratchPagesInUse()]);
    await answers({ engine, runner }, [long(1), long(2)]);
    expect(used.some(([comparison]) => comparison)).toBe(true);
    for (const [comparison, pages] of used) expect(pages).toBe(comparison ? 1 : 0);
    for (const step of runner.steps.filter(isComparison)) {
      expect(step.attention).toEqual([]);
      expect(step.blockTable.at(-1)).toBe(runner.scratchPage);
      expect(step.blockTable.subarray(0, -1)).not.toContain(runner.scratchPage);
    }
    for (const step of runner.steps.filter((each) => !isComparison(each))) {
      expect(step.blockTable).not.toContain(runner.scratchPage);
    }
  });

  it('is another one in each of several choices', async () => {
    const positions: number[] = [];
    const { engine, runner } = compared({ audit: { klShare: 0.1 } });
    const [one] = await answers({ engine, runner }, [
      long(1, { n: 3, sampling: { ...long(1).sampling, temperature: 1 } }),
    ]);
    for (const { pastLens } of runner.steps.filter(isComparison)) positions.push(pastLens[0] as number);
    expect(one?.usage?.audit?.klSamples).toBe(positions.length);
    expect(new Set(positions).size).toBeGreaterThan(positions.length / 3);
  });

  it('is none where nothing is left out, where tokens are drafted, and of dense requests', async () => {
    const short = { promptTokenIds: prompt(100, 1), maxTokens: 20 };
    const asked = [
      request({ ...short, attention: policies['pages beyond 120'] }),
      long(1, { speculation: { kind: 'lookup', maxDraftTokens: 4 } }),
      request(short),
    ];
    for (const one of asked) expect((await answers(compared(), [one]))[0]?.usage?.audit).toBeNull();
  });
});

describe('a comparison that fails', () => {
  it('is told, and the answer goes on as it would have', async () => {
    const told: string[] = [];
    const made = compared({ observer: { comparisonFailed: ({ error }) => void told.push(error.message) } });
    let failures = 0;
    made.runner.beforeStep = (step) => {
      if (isComparison(step) && failures++ < 2) throw new Error('injected');
    };
    const [one] = await answers(made, [long(1)]);
    expect(one?.tokens).toEqual(expectedTokens(long(1)));
    expect(told).toHaveLength(2);
    expect(one?.usage?.audit?.klSamples).toBe(STEPS - 2);
  });

  it('is none where its request goes away meanwhile, which gives everything back', async () => {
    const { engine, runner } = compared();
    const controller = new AbortController();
    runner.beforeStep = (step) => {
      if (isComparison(step)) controller.abort();
    };
    await expect(collect(engine.submit(long(1), controller.signal))).rejects.toMatchObject({ code: 'CANCELLED' });
    await engine.close();
    expect(leaks(engine)).toEqual([]);
    expect(runner.openStates).toBe(0);
  });
});

describe('a choice whose next tokens are too far from dense attention', () => {
  const far = { klShare: 0.3, mostKl: 0.01 };

  it('falls back to the denser policy, and then to dense attention', async () => {
    const told: FallBack[] = [];
    const [one] = await answers(compared({ audit: far, observer: { fellBack: (of) => void told.push(of) } }), [
      long(1),
    ]);
    expect(told.map(({ to, recall, kl }) => [to, recall, (kl ?? 0) > far.mostKl])).toEqual([
      ['denser', null, true],
      ['dense', null, true],
    ]);
    expect(one?.usage?.fallbacks).toBe(2);
    expect(one?.usage?.audit?.breaches).toBeGreaterThan(0);
  });

  it('is held to the bound of its policy, where that has one', async () => {
    const attention = { ...policies.pages, audit: { most_kl: 100 } };
    const [one] = await answers(compared({ audit: far }), [long(1, { attention })]);
    expect(one?.usage).toMatchObject({ fallbacks: 0, audit: { breaches: 0 } });
    expect(one?.tokens).toEqual(expectedTokens(long(1)));
  });

  it('does so at the same token alone, with others, and after a preemption', async () => {
    const asked = [1, 2].map((seed) => long(seed));
    const alone: number[][] = [];
    for (const one of asked) alone.push((await answers(compared({ audit: far }), [one]))[0]?.tokens ?? []);
    for (const pages of [512, 66]) {
      const together = await answers(compared({ pages, audit: far }), asked);
      expect(together.map(({ tokens }) => tokens)).toEqual(alone);
      expect(together.map(({ usage }) => usage?.fallbacks)).toEqual([2, 2]);
    }
  });
});

describe('an engine that compares steps', () => {
  it.each([
    [{ klShare: 1.1 }, /audit\.klShare must be between 0 and 1/],
    [{ mostKl: 101 }, /audit\.mostKl must be between 0 and 100/],
  ])('does not open with %j', (audit, message) => {
    expect(() => compared({ audit })).toThrow(message);
  });

  it('does not open over a runner that has no page for it', () => {
    const runner = new SimulatedRunner(64);
    Object.defineProperty(runner, 'scratchPage', { value: undefined });
    const audit = { share: 0, klShare: 0.1, leastRecall: 0, mostKl: 1 };
    expect(() => harness({ pages: 64 }, { audit, runner })).toThrow(/no scratch page/);
  });
});
