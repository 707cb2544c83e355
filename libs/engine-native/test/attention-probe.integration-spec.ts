import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadEngine, type AttentionProbeOptions, type NativeAttentionProbe } from '../src/index.js';
import { AttentionCase } from './support/attention-case.js';
import type { AttentionShape } from './support/attention-reference.js';

const shape: AttentionShape = {
  ...{ heads: 4, kvHeads: 2, headDim: 32, ropeDim: 16, window: 0, softcap: 0, scale: 0.2, normEps: 1e-5 },
  ...{ qNorm: null, kNorm: null, sinks: null },
};
const engine = await loadEngine();

const everything: AttentionProbeOptions = {
  ...{ layers: 1, heads: 4, kvHeads: 2, headDim: 32, distances: Int32Array.of(1, 7), fromPosition: 100 },
  ...{ products: true, means: true, stride: 16, masses: Float32Array.of(0.5, 1) },
};
const nothing: AttentionProbeOptions = {
  ...everything,
  ...{ distances: new Int32Array(), products: false, means: false, stride: 0, masses: new Float32Array() },
};

describe('an attention probe', () => {
  it.each<[string, Partial<AttentionProbeOptions>]>([
    ['layers', { layers: 0 }],
    ['heads', { heads: 3 }],
    ['headDim', { headDim: 1.5 }],
    ['distances', { distances: Int32Array.of(0) }],
    ['distances', { distances: [1] as unknown as Int32Array }],
    ['fromPosition', { fromPosition: -1 }],
    ['products', { products: 1 as unknown as boolean }],
    ['stride', { stride: 7 }],
    ['masses', { masses: Float32Array.of(0) }],
    ['masses', { stride: 0 }],
  ])('is refused for a bad %s', (field, change) => {
    const make = () => engine.createAttentionProbe({ ...everything, ...change });
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
  });
});

describe('a step that carries a probe', () => {
  let subject: AttentionCase;
  beforeAll(async () => {
    subject = new AttentionCase({ engine, shape, lengths: [400, 130], dtype: 'f32', seed: 5 });
    await subject.model.ready;
  });
  afterAll(() => subject.dispose());
  const step = (probe?: NativeAttentionProbe) =>
    subject.model.step(subject.pool, {
      ...subject.request(subject.sequences, [0, 0], [400, 130]),
      ...(probe === undefined ? {} : { probe }),
    });

  it('has the results that it has without, and the probe knows what its queries did', async () => {
    const probe = engine.createAttentionProbe(everything);
    const { logits } = await step(probe);
    expect(logits).toEqual((await step()).logits);
    const sums = probe.sums();
    expect([...sums.tokens, ...sums.farTokens]).toEqual([530, 330]);
    expect([sums.distanceMass, sums.products, sums.querySums, sums.keySums].map(({ length }) => length)).toEqual([
      ...[4 * 2, 2 * 32, 4 * 32, 2 * 32],
    ]);
    expect(sums.distanceMass.every((mass) => mass > 0 && mass < 330)).toBe(true);
    // One block of the longer sequence has a candidate: its third.
    expect([...sums.blocks, ...sums.unitsVisible]).toEqual([1, 3]);
    expect(sums.massKept[1]).toBeCloseTo(1, 5);
    expect(sums.unitsRead[1]).toBe(3);
    expect(sums.unitsRead[0]).toBeLessThanOrEqual(3);
  });

  it('adds to what others have added', async () => {
    const probe = engine.createAttentionProbe(everything);
    await step(probe);
    const once = probe.sums();
    await step(probe);
    const twice = probe.sums();
    expect(twice.tokens[0]).toBe(2 * (once.tokens[0] ?? 0));
    expect(twice.products[3]).toBeCloseTo(2 * (once.products[3] ?? 0), 6);
  });

  it('finds no more than was asked for', async () => {
    const probe = engine.createAttentionProbe(nothing);
    await step(probe);
    const { tokens, farTokens, blocks, unitsVisible, ...lists } = probe.sums();
    expect([tokens[0], farTokens[0], blocks[0], unitsVisible[0]]).toEqual([530, 330, 0, 0]);
    expect(Object.values(lists).every(({ length }) => length === 0)).toBe(true);
  });

  it.each<[string, () => NativeAttentionProbe]>([
    ['of another model', () => engine.createAttentionProbe({ ...everything, layers: 2 })],
    ['that is none', () => ({ sums: () => ({}) }) as never],
  ])('is refused with one %s', async (_, probe) => {
    await expect(async () => step(probe())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'probe' });
  });

  it('is refused by its operator with one of other heads', async () => {
    const probe = engine.createAttentionProbe({ ...everything, heads: 8 });
    const message = expect.stringContaining('probe: is for 1 layers of 8 heads');
    await expect(step(probe)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
  });
});
