import { describe, expect, it } from '@jest/globals';
import type { AppError } from '@longhaul/kernel';
import type { SamplingParams } from '@longhaul/inference';
import fc from 'fast-check';
import type { EngineObserver } from './observer.js';
import { collect, harness, leaks, prompt, request, type Overrides } from './testing/fixtures.js';
import { VOCAB } from './testing/simulated-runner.js';

const LARGEST_F32 = (2 - 2 ** -23) * 2 ** 127;

/** Numbers of a range, its ends and the smallest positive one among them more often than chance would have it. */
const within = (least: number, most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(least, most), fc.double({ min: least, max: most, noNaN: true }));
const positive = (most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(Number.MIN_VALUE, 1e-310, 1e-45, 1 - 2 ** -53, most), within(Number.MIN_VALUE, most));

const legalSampling: fc.Arbitrary<Partial<SamplingParams>> = fc.record({
  temperature: fc.oneof(fc.constant(0), positive(2)),
  topP: positive(1),
  topK: fc.constantFrom(0, 1, 5, VOCAB, VOCAB + 1, 2 ** 31 - 1),
  minP: fc.oneof(fc.constant(0), positive(1)),
  repetitionPenalty: within(0.01, 100),
  presencePenalty: within(-2, 2),
  frequencyPenalty: within(-2, 2),
  logitBias: fc
    .array(fc.tuple(fc.nat(VOCAB - 1), within(-100, 100)), { maxLength: VOCAB })
    .map((entries) => new Map(entries)),
  seed: fc.constantFrom(0n, 1n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n),
});

const legal: fc.Arbitrary<Overrides> = fc.record({
  n: fc.integer({ min: 1, max: 4 }),
  maxTokens: fc.integer({ min: 1, max: 6 }),
  logprobs: fc.constantFrom(null, 0, 20),
  promptLogprobs: fc.constantFrom(null, 0, 20),
  sampling: legalSampling,
});

const wrong = [NaN, Infinity, -Infinity];
const outside = <K extends keyof SamplingParams>(key: K, ...values: SamplingParams[K][]): [K, SamplingParams[K]][] =>
  values.map((value) => [key, value]);
const illegal = fc.constantFrom<[string, unknown]>(
  ...outside('temperature', -Number.MIN_VALUE, 2.0000001, ...wrong),
  ...outside('topP', 0, -1, 1.0000001, ...wrong),
  ...outside('topK', -1, 0.5, 2 ** 31, ...wrong),
  ...outside('minP', -Number.MIN_VALUE, 1.0000001, ...wrong),
  ...outside('repetitionPenalty', 0, 1e-39, 0.00999, 100.001, -1, ...wrong),
  ...outside('presencePenalty', -2.0000001, 2.0000001, ...wrong),
  ...outside('frequencyPenalty', -2.0000001, 2.0000001, ...wrong),
  ...outside('logitBias', new Map([[0, 100.001]]), new Map([[VOCAB, 0]]), new Map([[-1, 0]]), new Map([[0, NaN]])),
  ...outside('seed', 2n ** 64n, -(2n ** 63n) - 1n),
);

describe('sampling parameters', () => {
  it('of any legal value never fail a step or a request, whatever finite logits there are', async () => {
    const scales = fc.constantFrom(1, 1e-45, 1e30, LARGEST_F32 / 4);
    await fc.assert(
      fc.asyncProperty(fc.array(legal, { minLength: 1, maxLength: 4 }), scales, async (overrides, scale) => {
        const kinds = new Set<string>();
        const observer: EngineObserver = { step: ({ kind }) => void kinds.add(kind) };
        const { engine, runner } = harness({}, { observer });
        runner.logitScale = scale;
        const asked = overrides.map((o, seed) => request({ promptTokenIds: prompt(20, seed), ...o }));
        const results = await Promise.all(asked.map((r) => collect(engine.submit(r))));
        results.forEach(({ choices }, i) => {
          expect(choices).toHaveLength(asked[i]?.n ?? 0);
          for (const { tokens } of choices) expect(tokens).toHaveLength(asked[i]?.maxTokens ?? 0);
        });
        expect([...kinds]).toEqual(['committed']);
        expect(leaks(engine)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('outside their range are refused before a step, by name', async () => {
    await fc.assert(
      fc.asyncProperty(legalSampling, illegal, async (sampling, [key, value]) => {
        const { engine, runner } = harness();
        const refused = await collect(engine.submit(request({ sampling: { ...sampling, [key]: value } }))).then(
          () => null,
          (error: AppError) => error,
        );
        const field = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', field });
        expect(runner.steps).toHaveLength(0);
      }),
      { numRuns: 150 },
    );
  });
});
