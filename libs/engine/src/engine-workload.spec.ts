import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { GenerationRequest } from '@longhaul/inference';
import { engineViolations } from './invariants.js';
import type { EngineLimits } from './limits.js';
import { collect, expectedTokens, harness, leaks, prompt, request } from './testing/fixtures.js';

import { MemoryStore, unreachable } from './testing/memory-store.js';
import { storeHarness } from './testing/store-fixtures.js';

const LAST_SUBMIT = 20;

const limits: fc.Arbitrary<Partial<EngineLimits>> = fc.record({
  pages: fc.integer({ min: 10, max: 40 }),
  maxSequences: fc.integer({ min: 3, max: 10 }),
  maxPrefillTokens: fc.constantFrom(1, 7, 16, 40, 300),
  prefixCaching: fc.boolean(),
});

const asked = fc.record({
  promptLength: fc.integer({ min: 1, max: 90 }),
  promptSeed: fc.integer({ min: 0, max: 3 }),
  maxTokens: fc.integer({ min: 1, max: 40 }),
  n: fc.constantFrom(1, 1, 1, 3),
  salt: fc.constantFrom('a', 'b'),
  temperature: fc.constantFrom(0, 1),
  priority: fc.integer({ min: 0, max: 2 }),
  /** The step at whose start the request is cancelled; most never are. */
  cancelAt: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(60) }),
  submitAt: fc.nat(LAST_SUBMIT),
});

const workload = fc.record({
  limits,
  requests: fc.array(asked, { minLength: 1, maxLength: 10 }),
  /** Whether there is a store, and how it behaves. */
  store: fc.constantFrom('none', 'sound', 'failing', 'damaged', 'slow'),
  failAt: fc.array(fc.nat(80), { maxLength: 2 }),
});

type Workload = typeof workload extends fc.Arbitrary<infer T> ? T : never;

/** Runs a workload; the invariants are checked in the middle of every step. Returns what went wrong. */
async function run(load: Workload): Promise<string[]> {
  const limits = { ...load.limits, maxConsecutiveFailures: 50 };
  const { engine, runner } = load.store === 'none' ? harness(limits) : storeHarness(storeOf(load.store), { limits });
  const faults: string[] = [];
  const results: Promise<unknown>[] = [];
  const pending = load.requests.map((spec) => ({ spec, controller: new AbortController() }));
  const submitted = new Set<unknown>();
  const submitDue = (step: number): void => {
    for (const entry of pending.filter((e) => e.spec.submitAt <= step && !submitted.has(e))) {
      submitted.add(entry);
      results.push(check(entry));
    }
  };
  const check = async ({ spec, controller }: (typeof pending)[number]): Promise<void> => {
    const r = toRequest(spec);
    const outcome = await collect(engine.submit(r, controller.signal)).catch(() => null);
    if (outcome === null) {
      if (!controller.signal.aborted) faults.push(`${r.requestId} failed`);
      return;
    }
    outcome.choices.forEach(({ tokens }, choice) => {
      if (tokens.join() !== expectedTokens(r, choice).join()) faults.push(`${r.requestId}/${choice} differs`);
    });
  };
  runner.beforeStep = async (_, index) => {
    submitDue(index + 1);
    await new Promise((resolve) => setImmediate(resolve));
    for (const { spec, controller } of pending) if (spec.cancelAt === index) controller.abort();
    faults.push(...engineViolations(engine.snapshot()));
    if (load.failAt.includes(index)) throw new Error('injected');
  };
  for (let step = 0; step <= LAST_SUBMIT; step++) {
    if (step === 0 || engine.load().running === 0) submitDue(step);
    await settled(results);
  }
  await engine.close(1000);
  return [...faults, ...leaks(engine)];
}

/** A store that holds the beginnings of the workload's prompts as soon as they have been computed once. */
function storeOf(kind: Exclude<Workload['store'], 'none'>): MemoryStore {
  const store = new MemoryStore();
  let calls = 0;
  store.before = (what) => {
    calls++;
    if (kind === 'slow') return new Promise((resolve) => setTimeout(resolve, calls % 3));
    if (kind === 'failing' && calls % 5 === 0) return Promise.reject(unreachable());
    const [object] = store.objects.values();
    if (kind === 'damaged' && what === 'get' && object !== undefined) object[calls % object.length]! ^= 1;
    return undefined;
  };
  return store;
}

/** Waits for all promises, those added meanwhile included. */
async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  for (let count = -1; count !== promises.length;) {
    count = promises.length;
    await Promise.all(promises);
  }
}

function toRequest(spec: Workload['requests'][number]): GenerationRequest {
  return request({
    promptTokenIds: prompt(spec.promptLength, spec.promptSeed),
    maxTokens: spec.maxTokens,
    n: spec.n,
    cacheSalt: spec.salt,
    priority: spec.priority,
    sampling: { temperature: spec.temperature, seed: BigInt(spec.promptSeed) },
  });
}

describe('any workload', () => {
  it('gives every request its own tokens, keeps the invariants and leaks no page', async () => {
    await fc.assert(
      fc.asyncProperty(workload, async (load) => {
        expect(await run(load)).toEqual([]);
      }),
      { numRuns: 60, seed: 20 },
    );
  });
});
