import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadEngine, type NativeKvPool, type NativeModel, type SampleSpec } from '../src/index.js';
import { inMemory } from './support/graph.js';
import { tableGraph } from './support/simple-graphs.js';
import { anyPool, greedy, randomFloats, stepOf } from './support/steps.js';

const WIDTH = 40;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;
/** Rows of logits: ordinary, at the ends of f32, partly masked, and three that no model should give. */
const ROWS = {
  ordinary: randomFloats(7, WIDTH),
  extreme: randomFloats(8, WIDTH).map((z) => Math.sign(z) * LARGEST),
  masked: randomFloats(9, WIDTH).map((z, i) => (i % 3 === 0 ? -Infinity : 1e-45 * z)),
  nan: randomFloats(7, WIDTH).map((z, i) => (i === 5 ? NaN : z)),
  infinite: randomFloats(7, WIDTH).map((z, i) => (i === 5 ? Infinity : z)),
  nothing: new Float32Array(WIDTH).fill(-Infinity),
};
const table = Float32Array.from(Object.values(ROWS).flatMap((row) => [...row]));
const row = (name: keyof typeof ROWS): number => Object.keys(ROWS).indexOf(name);
const STEP = stepOf(Object.keys(ROWS).length, { wantLogits: false });

const engine = await loadEngine();
let pool: NativeKvPool;
let model: NativeModel;

beforeAll(async () => {
  pool = anyPool(engine);
  model = engine.createModel({ ...inMemory(tableGraph(table, WIDTH)), threads: 2, spin: false });
  await model.ready;
});
afterAll(async () => {
  await model.dispose();
  pool.dispose();
});

async function drawn(samples: SampleSpec[]): Promise<string[]> {
  const result = await model.step(pool, { ...STEP, samples });
  return result.samples.map(({ status, token }) => (token >= 0 === (status === 'ok') ? status : 'inconsistent'));
}

describe('a draw that fails', () => {
  it('says so itself; the step and its other draws stand', async () => {
    const everyToken = Int32Array.from({ length: WIDTH }, (_, i) => i);
    const samples = [
      greedy(row('ordinary')),
      greedy(row('nan')),
      greedy(row('infinite')),
      greedy(row('nothing')),
      greedy(row('ordinary'), { bannedTokens: everyToken }),
      greedy(row('ordinary'), { bannedTokens: Int32Array.of(WIDTH) }),
      greedy(row('ordinary'), { seenTokens: Int32Array.of(1) }),
      greedy(row('extreme'), { temperature: 1 }),
    ];
    expect(await drawn(samples)).toEqual([
      'ok',
      'not-finite',
      'not-finite',
      'not-finite',
      'no-candidate',
      'invalid-input',
      'invalid-input',
      'ok',
    ]);
  });

  it('of a score is told in the same way', async () => {
    const scores = [row('ordinary'), row('nan')].map((index) => ({ row: index, token: 3, logprobs: 2 }));
    const result = await model.step(pool, { ...STEP, scores });
    expect(result.scores.map(({ status }) => status)).toEqual(['ok', 'not-finite']);
    expect(result.scores[1]?.topTokens).toHaveLength(0);
  });
});

const within = (least: number, most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(least, most), fc.double({ min: least, max: most, noNaN: true }));
const positive = (most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(Number.MIN_VALUE, 1e-310, 1 - 2 ** -53), within(Number.MIN_VALUE, most));
const tokens = fc.uniqueArray(fc.nat(WIDTH - 1), { maxLength: WIDTH }).map((ids) => Int32Array.from(ids));

const legal: fc.Arbitrary<SampleSpec> = fc
  .record({
    row: fc.constantFrom(row('ordinary'), row('extreme'), row('masked')),
    temperature: fc.oneof(fc.constant(0), positive(2)),
    topP: positive(1),
    topK: fc.constantFrom(0, 1, WIDTH, 2 ** 31 - 1),
    minP: fc.oneof(fc.constant(0), positive(1)),
    repetitionPenalty: within(0.01, 100),
    presencePenalty: within(-2, 2),
    frequencyPenalty: within(-2, 2),
    seenTokens: tokens,
    biasTokens: tokens,
    count: fc.constantFrom(0, 1, 2 ** 20, 2 ** 31 - 1),
    bias: fc.constantFrom(-100, 100, 0.5),
    seed: fc.constantFrom(0n, 2n ** 64n - 1n, -(2n ** 63n)),
    logprobs: fc.constantFrom(-1, 0, 20),
  })
  .map(({ count, bias, row: index, ...spec }) =>
    greedy(index, {
      ...spec,
      seenCounts: new Int32Array(spec.seenTokens.length).fill(count),
      biasValues: new Float32Array(spec.biasTokens.length).fill(bias),
    }),
  );

const illegal = fc.constantFrom<Partial<SampleSpec>>(
  ...[NaN, Infinity, -1, 2.01].map((temperature) => ({ temperature })),
  ...[NaN, 0, -1, 1.01].map((topP) => ({ topP })),
  ...[NaN, -0.1, 1.01].map((minP) => ({ minP })),
  ...[NaN, Infinity, 0, 1e-39, 0.0099, 100.1].map((repetitionPenalty) => ({ repetitionPenalty })),
  ...[NaN, Infinity, -2.1, 2.1].map((presencePenalty) => ({ presencePenalty })),
  ...[NaN, Infinity, -2.1, 2.1].map((frequencyPenalty) => ({ frequencyPenalty })),
  ...[NaN, Infinity, 100.1].map((bias) => ({ biasTokens: Int32Array.of(1), biasValues: Float32Array.of(bias) })),
  { topK: -1 },
);

describe('sampling parameters', () => {
  it('of any legal value give a token from any finite logits, whatever else is drawn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(legal, { minLength: 1, maxLength: 12 }), async (samples) => {
        expect(new Set(await drawn(samples))).toEqual(new Set(['ok']));
      }),
      { numRuns: 400 },
    );
  });

  it('outside their range spoil their own draw only', async () => {
    await fc.assert(
      fc.asyncProperty(legal, illegal, legal, async (one, wrong, other) => {
        expect(await drawn([one, { ...greedy(0), ...wrong }, other])).toEqual(['ok', 'invalid-input', 'ok']);
      }),
      { numRuns: 200 },
    );
  });
});
