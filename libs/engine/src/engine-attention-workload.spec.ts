import { describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import fc from 'fast-check';
import type { GenerationRequest } from '@longhaul/inference';
import { openDrafter } from './drafting/open-drafter.js';
import { engineViolations } from './invariants.js';
import type { EngineLimits } from './limits.js';
import { collect, expectedTokens, harness, leaks, prompt, request, type Harness } from './testing/fixtures.js';
import { MemoryStore, unreachable } from './testing/memory-store.js';
import { policies, policyKinds } from './testing/policies.js';
import { storeHarness } from './testing/store-fixtures.js';

const limits: fc.Arbitrary<Partial<EngineLimits>> = fc.record({
  pages: fc.integer({ min: 34, max: 90 }),
  maxSequences: fc.integer({ min: 3, max: 8 }),
  maxPrefillTokens: fc.constantFrom(128, 150, 300, 480),
  prefixCaching: fc.constantFrom(true, true, false),
});

const asked = fc.record({
  promptLength: fc.integer({ min: 1, max: 460 }),
  /** Prompts of one seed begin alike. */
  promptSeed: fc.integer({ min: 0, max: 1 }),
  maxTokens: fc.integer({ min: 1, max: 30 }),
  n: fc.constantFrom(1, 1, 1, 3),
  kind: fc.constantFrom(...policyKinds, 'dense' as const),
  temperature: fc.constantFrom(0, 1),
  drafts: fc.boolean(),
  cancelAt: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(40) }),
  submitAt: fc.nat(15),
});

const workload = fc.record({
  limits,
  requests: fc.array(asked, { minLength: 2, maxLength: 8 }),
  /** Of the steps that are also computed densely. */
  klShare: fc.constantFrom(0, 0.5),
  store: fc.constantFrom('none', 'sound', 'sound', 'failing', 'slow'),
  /** One at most: a sequence that fails again alone is given up. */
  failAt: fc.array(fc.nat(60), { maxLength: 1 }),
});

type Workload = typeof workload extends fc.Arbitrary<infer T> ? T : never;

function toRequest(spec: Workload['requests'][number]): GenerationRequest {
  const attention = spec.kind === 'dense' ? DENSE : policies[spec.kind];
  const speculation = { kind: 'lookup', maxDraftTokens: 4 } as const;
  const mayDraft = spec.drafts && !spec.kind.includes('kept');
  return request({
    ...{ attention, promptTokenIds: prompt(spec.promptLength, spec.promptSeed), maxTokens: spec.maxTokens, n: spec.n },
    ...{ speculation: mayDraft ? speculation : null },
    sampling: { temperature: spec.temperature, seed: BigInt(spec.promptSeed) },
  });
}

function open(load: Workload, store: MemoryStore): Harness {
  const most = { ...load.limits, maxConsecutiveFailures: 50 };
  // Nothing falls back: the oracle knows the policies that were asked for.
  const audit = { share: load.klShare, klShare: load.klShare, leastRecall: 0, mostKl: 100 };
  const options = { openDrafter, audit };
  if (load.store === 'none') return harness(most, options);
  return storeHarness(store, { limits: most, options });
}

/** Runs a workload; the invariants are checked in the middle of every step. Returns what went wrong. */
async function run(load: Workload, store: MemoryStore): Promise<string[]> {
  const { engine, runner } = open(load, store);
  const faults: string[] = [];
  const entries = load.requests.map((spec) => ({ spec, asked: toRequest(spec), controller: new AbortController() }));
  const waiting = new Set(entries);
  const results: Promise<void>[] = [];
  const check = async ({ asked: r, controller }: (typeof entries)[number]): Promise<void> => {
    const outcome = await collect(engine.submit(r, controller.signal)).catch(() => null);
    if (outcome === null && !controller.signal.aborted) faults.push(`${r.requestId} failed`);
    outcome?.choices.forEach(({ tokens }, choice) => {
      if (tokens.join() !== expectedTokens(r, choice).join()) faults.push(`${r.requestId}/${choice} differs`);
    });
  };
  const submitDue = (step: number): void => {
    for (const entry of waiting) {
      if (entry.spec.submitAt > step) continue;
      waiting.delete(entry);
      results.push(check(entry));
    }
  };
  runner.beforeStep = async (_, index) => {
    submitDue(index + 1);
    await new Promise((resolve) => setImmediate(resolve));
    for (const { spec, controller } of entries) if (spec.cancelAt === index) controller.abort();
    faults.push(...engineViolations(engine.snapshot()));
    if (load.failAt.includes(index)) throw new Error('injected');
  };
  for (let step = 0; step <= 15; step++) {
    if (step === 0 || engine.load().running === 0) submitDue(step);
    await settled(results);
  }
  await engine.close(1000);
  if (runner.openStates !== 0) faults.push(`${runner.openStates} attention states are open`);
  return [...faults, ...leaks(engine)];
}

/** Waits for all promises, those added meanwhile included. */
async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  for (let count = -1; count !== promises.length;) {
    count = promises.length;
    await Promise.all(promises);
  }
}

function storeOf(kind: Workload['store']): MemoryStore {
  const store = new MemoryStore();
  let calls = 0;
  store.before = () => {
    calls++;
    if (kind === 'slow') return new Promise((resolve) => setTimeout(resolve, calls % 3));
    return kind === 'failing' && calls % 7 === 0 ? Promise.reject(unreachable()) : undefined;
  };
  return store;
}

describe('any workload of several policies', () => {
  it('gives every request the tokens of its own policy, cold and warm, and leaks no page and no state', async () => {
    await fc.assert(
      fc.asyncProperty(workload, async (load) => {
        const store = storeOf(load.store);
        expect(await run(load, store)).toEqual([]);
        // Another engine over what the first one has stored.
        if (load.store !== 'none') expect(await run({ ...load, failAt: [] }, store)).toEqual([]);
      }),
      { numRuns: 40, seed: 11 },
    );
  });
});
