import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { GenerationRequest } from '@longhaul/inference';
import type { OpenDrafter } from './drafting/drafter.js';
import { openDrafter } from './drafting/open-drafter.js';
import type { Engine } from './engine.js';
import { engineViolations } from './invariants.js';
import type { EngineLimits } from './limits.js';
import { collect, harness, leaks, prompt, request } from './testing/fixtures.js';
import { MemoryStore } from './testing/memory-store.js';
import { Oracle, randomDrafter } from './testing/oracle-drafter.js';
import { mix, type SimulatedRunner } from './testing/simulated-runner.js';
import { storeHarness } from './testing/store-fixtures.js';

const limits: fc.Arbitrary<Partial<EngineLimits>> = fc.record({
  pages: fc.integer({ min: 10, max: 40 }),
  maxSequences: fc.integer({ min: 3, max: 8 }),
  maxPrefillTokens: fc.constantFrom(7, 16, 300),
  maxVerifiedTokens: fc.constantFrom(3, 32),
  prefixCaching: fc.boolean(),
});

const sampling = fc.record({
  temperature: fc.constantFrom(0, 0, 0.7, 1.5),
  topP: fc.constantFrom(1, 0.8),
  topK: fc.constantFrom(0, 5),
  repetitionPenalty: fc.constantFrom(1, 1.3),
  presencePenalty: fc.constantFrom(0, 1),
  frequencyPenalty: fc.constantFrom(0, -1, 0.5),
  seed: fc.bigInt(0n, 3n),
});

const stop = fc.record({
  strings: fc.constantFrom([], [], ['ab'], ['aaa', 'ba'], ['xya']),
  tokenIds: fc.constantFrom([], [], [7], [3, 40]),
  includeStopString: fc.boolean(),
  ignoreEos: fc.boolean(),
});

const asked = fc.record({
  promptLength: fc.integer({ min: 1, max: 90 }),
  promptSeed: fc.integer({ min: 0, max: 3 }),
  maxTokens: fc.integer({ min: 1, max: 40 }),
  n: fc.constantFrom(1, 1, 1, 3),
  minTokens: fc.integer({ min: 0, max: 5 }),
  logprobs: fc.constantFrom(null, 2),
  maxDraftTokens: fc.constantFrom(1, 4, 20),
  cancelAt: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(30) }),
  sampling,
  stop,
});

const workload = fc.record({
  limits,
  requests: fc.array(asked, { minLength: 1, maxLength: 8 }),
  store: fc.boolean(),
  drafter: fc.constantFrom('right', 'often wrong', 'random', 'lookup'),
  failAt: fc.array(fc.nat(40), { maxLength: 1 }),
});

type Workload = typeof workload extends fc.Arbitrary<infer T> ? T : never;

function requestsOf(load: Workload): GenerationRequest[] {
  return load.requests.map(({ promptLength, promptSeed, minTokens, maxDraftTokens, cancelAt: _, ...spec }, i) =>
    request({
      ...spec,
      requestId: `r${i}`,
      promptTokenIds: repeated(promptLength, promptSeed),
      stop: { ...spec.stop, minTokens: Math.min(minTokens, spec.maxTokens) },
      speculation: { kind: 'lookup', maxDraftTokens },
    }),
  );
}

/** A period of 6 tokens, so that lookup has something to find. */
const repeated = (length: number, seed: number): Int32Array => {
  const period = prompt(6, seed);
  return Int32Array.from({ length }, (_, i) => period[i % 6] as number);
};

function drafterOf(load: Workload, requests: readonly GenerationRequest[]): OpenDrafter {
  if (load.drafter === 'random') return randomDrafter;
  if (load.drafter === 'lookup') return openDrafter;
  const oracle = new Oracle();
  for (const r of requests) oracle.know(r);
  if (load.drafter === 'often wrong') oracle.wrongAt = (position) => mix(position, 1) % 4 === 0;
  return oracle.open;
}

/** Every answer, null where the request was cancelled; and every violation, looked for in the middle of each step. */
async function run(load: Workload, requests: readonly GenerationRequest[]) {
  const parts = { openDrafter: drafterOf(load, requests) };
  const most = { ...load.limits, maxConsecutiveFailures: 50 };
  const { engine, runner } = load.store
    ? storeHarness(new MemoryStore(), { limits: most, options: parts })
    : harness(most, parts);
  const faults: string[] = [];
  const controllers = requests.map(() => new AbortController());
  const cancel = (index: number): void =>
    load.requests.forEach(({ cancelAt }, i) => (cancelAt === index ? controllers[i]?.abort() : undefined));
  watch(engine, runner, { faults, failAt: load.failAt, cancel });
  const answers = await Promise.all(
    requests.map((r, i) => collect(engine.submit(r, controllers[i]?.signal)).catch(() => null)),
  );
  await engine.close(1000);
  faults.push(...leaks(engine));
  return { faults, answers: answers.map((answer) => answer?.choices ?? null) };
}

function watch(
  engine: Engine,
  runner: SimulatedRunner,
  { faults, failAt, cancel }: { faults: string[]; failAt: readonly number[]; cancel: (index: number) => void },
): void {
  runner.beforeStep = async (_, index) => {
    faults.push(...engineViolations(engine.snapshot()));
    await new Promise((resolve) => setImmediate(resolve));
    cancel(index);
    faults.push(...engineViolations(engine.snapshot()));
    if (failAt.includes(index)) throw new Error('injected');
  };
}

describe('any workload', () => {
  it('gives with drafts what it gives without, token for token, and leaks no page', async () => {
    await fc.assert(
      fc.asyncProperty(workload, async (load) => {
        const requests = requestsOf(load);
        const without = await run(
          { ...load, failAt: [] },
          requests.map((r) => ({ ...r, speculation: null })),
        );
        const drafted = await run(load, requests);
        expect([...without.faults, ...drafted.faults]).toEqual([]);
        drafted.answers.forEach((answer, i) => {
          if (load.requests[i]?.cancelAt !== null) return;
          expect(answer).toEqual(without.answers[i]);
          expect(answer).not.toBeNull();
        });
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});
