import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compilePolicy } from '../compile/compile-policy.js';
import { duoAttention } from '../methods/index.js';
import { artefactText, parseArtefact } from '../artefacts/parse-artefact.js';
import { shapes } from '../testing/shapes.js';
import { calibratedThresholds, TRIED_MASSES, type BlockCurves } from './calibrated-thresholds.js';
import { earlyMassGates, type EarlyMassModel } from './early-mass-gates.js';
import { labelChannels } from './label-channels.js';
import { copyDistances, periodOf, repeatedTokens } from './repeated-tokens.js';
import { retrievalGates } from './retrieval-gates.js';

/** Two layers of two KV heads, each with two query heads. */
const small = { layers: 2, heads: 4, kvHeads: 2, headDim: 4 };

describe('repeated tokens', () => {
  const next = (): (() => number) => {
    let at = 0;
    return () => (at++ * 0.37) % 1;
  };

  it('are four times the same, of the vocabulary that is given', () => {
    const tokens = repeatedTokens(5, [7, 8, 9], next());
    expect(tokens).toHaveLength(20);
    expect(tokens.slice(5)).toEqual(tokens.slice(0, 15));
    expect(tokens.every((token) => [7, 8, 9].includes(token))).toBe(true);
  });

  it('have copies of a token at multiples of the period, and what followed them one token nearer', () => {
    const period = 50;
    const { echo, induction } = copyDistances(period);
    const tokens = repeatedTokens(
      period,
      Int32Array.from({ length: 1000 }, (_, i) => i),
      next(),
    );
    const last = tokens.length - 10;
    for (const distance of echo) expect(tokens[last - distance]).toBe(tokens[last]);
    for (const distance of induction) expect(tokens[last - distance]).toBe(tokens[last + 1]);
    expect([periodOf(4096), periodOf(40_000)]).toEqual([1024, 2500]);
  });
});

describe('gates by echo and induction', () => {
  it('are those of the best query head of a KV head, the highest first', () => {
    const induction = [0.1, 0.2, 0.0, 0.9, 0.3, 0.3, 0.8, 0.0];
    expect(retrievalGates({ echo: Array<number>(8).fill(0), induction }, small)).toEqual([
      [expect.closeTo(0, 5), expect.closeTo(1 - 15 / 56, 5)],
      [expect.closeTo(1 - 45 / 56, 5), expect.closeTo(1 - 30 / 56, 5)],
    ]);
  });

  it('protect one of fifteen heads for its echo, whatever share a policy takes', () => {
    const shape = { layers: 30, heads: 10, kvHeads: 10, headDim: 4 };
    // Who echoes does not induce, and the other way round.
    const echo = Array.from({ length: 300 }, (_, i) => i);
    const induction = echo.map((value) => -value);
    const gates = retrievalGates({ echo, induction }, shape);
    for (const share of [0.15, 0.3, 0.5]) {
      const order = gates.flat().map((gate, head) => ({ gate, head }));
      order.sort((a, b) => b.gate - a.gate);
      const taken = order.slice(0, Math.round(300 * share)).map(({ head }) => head);
      const forEcho = taken.filter((head) => head >= 150).length;
      expect(Math.abs(forEcho - taken.length / 15)).toBeLessThanOrEqual(1);
    }
  });

  it('are from 0 to 1 for any scores, and are read as an artefact', () => {
    const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(scores, scores, (echo, induction) => {
        const gates = retrievalGates({ echo, induction }, small);
        const text = artefactText({ kind: 'gates', source: 'a test', gates });
        expect(parseArtefact('gates', text, small)).toMatchObject({ gates });
      }),
    );
  });

  it('decide which heads of a policy stream', () => {
    const shape = { ...shapes['needle-3m'] };
    const induction = Array.from({ length: 16 }, (_, i) => (i < 4 ? 0 : i));
    const gates = retrievalGates({ echo: Array<number>(16).fill(0), induction }, shape);
    const artefacts = { gates: { kind: 'gates' as const, digest: 'd', gates } };
    const { table } = compilePolicy({ plans: duoAttention({ sparsity: 0.25 }) }, { ...shape, artefacts });
    // Of eight KV heads in each phase two stream: those of the first layer.
    expect([...table.slice(0, 8)].map((plan, _, all) => plan === all[0])).toEqual([
      true,
      true,
      ...Array<boolean>(6).fill(false),
    ]);
  });
});

describe('gates by early mass', () => {
  const model = (rotation: EarlyMassModel['rotations'][number]): EarlyMassModel => ({
    ...{ layers: 1, heads: 2, kvHeads: 1, headDim: 4 },
    ...{ rotations: [rotation], attentionScale: 1, softcap: null },
  });
  const means = (queries: number[], keys: number[]) => ({
    queries: Float64Array.from(queries),
    keys: Float64Array.from(keys),
  });
  const still = means([1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 1, 1]);

  it('are a half without rotation, where all positions are alike', () => {
    expect(earlyMassGates(still, model(null))).toEqual([[expect.closeTo(0.501, 3)]]);
  });

  it('are low for who looks at what is near, and high for who looks away from it', () => {
    const slow = { invFreq: [0.006, 0.006], scale: 1 };
    const near = earlyMassGates(means([3, 3, 0, 0, 3, 3, 0, 0], [3, 3, 0, 0]), model(slow))[0]?.[0] ?? 1;
    const far = earlyMassGates(means([3, 3, 0, 0, 3, 3, 0, 0], [-3, -3, 0, 0]), model(slow))[0]?.[0] ?? 0;
    expect(near).toBeLessThan(0.2);
    expect(far).toBeGreaterThan(0.8);
  });

  it('are the mean of the query heads', () => {
    const slow = { invFreq: [0.006, 0.006], scale: 1 };
    const of = (first: number[], second: number[]) =>
      earlyMassGates(means([...first, ...second], [1, 1, 0, 0]), model(slow))[0]?.[0] ?? NaN;
    const [a, b] = [
      [2, 1, 0, 0],
      [0, -3, 1, 1],
    ];
    expect(of(a, b)).toBeCloseTo((of(a, a) + of(b, b)) / 2, 5);
  });

  it('stay below what a soft-cap lets a logit be', () => {
    const capped = { ...model({ invFreq: [0.006, 0.006], scale: 1 }), softcap: 0.01 };
    expect(earlyMassGates(means([90, 90, 0, 0, 90, 90, 0, 0], [90, 90, 0, 0]), capped)[0]?.[0]).toBeCloseTo(0.5, 1);
  });
});

describe('label channels', () => {
  it('fall by weight, those that rotate together side by side', () => {
    // Pairs (0, 2) and (1, 3): means 3 and 4.
    const products = Float64Array.from([5, 2, 1, 6, ...Array<number>(12).fill(0)]);
    const channels = labelChannels(products, small, [4, 4]);
    expect(channels[0]?.[0]).toEqual([3, 1, 0, 2]);
    expect(channels[0]?.[1]).toEqual([0, 2, 1, 3]);
  });

  it('stand alone where they do not rotate', () => {
    const products = Float64Array.from([5, 2, 1, 6, ...Array<number>(12).fill(0)]);
    expect(labelChannels(products, small, [0, 0])[0]?.[0]).toEqual([3, 0, 1, 2]);
    // Dimensions 0 and 1 rotate together, 2 and 3 do not.
    expect(labelChannels(products, small, [2, 2])[0]?.[0]).toEqual([3, 0, 1, 2]);
  });

  it('name each dimension once, for any sums', () => {
    const shape = { layers: 1, heads: 1, kvHeads: 1, headDim: 16 };
    const sums = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(sums, fc.constantFrom(0, 4, 8, 16), (products, rotary) => {
        const [[order = []] = []] = labelChannels(Float64Array.from(products), shape, [rotary]);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, dim) => dim));
      }),
    );
  });
});

describe('thresholds', () => {
  const masses = TRIED_MASSES.length;
  /** One layer of KV heads that keep and read as they are told to, in ten blocks that saw a hundred units. */
  const curvesOf = (heads: readonly ((mass: number) => { kept: number; read: number })[]): BlockCurves => ({
    blocks: [10],
    unitsVisible: [100],
    massKept: heads.flatMap((head) => TRIED_MASSES.map((mass) => 10 * head(mass).kept)),
    unitsRead: heads.flatMap((head) => TRIED_MASSES.map((mass) => 100 * head(mass).read)),
  });
  const shapeOf = (kvHeads: number) => ({ layers: 1, heads: kvHeads, kvHeads, headDim: 4 });
  /** Keeps nearly everything whatever is asked; keeps what is asked. */
  const local = (mass: number) => ({ kept: 0.99 + mass / 100, read: 0.1 + 0.9 * mass ** 8 });
  const spread = (mass: number) => ({ kept: mass, read: mass });

  it('are low for heads that lose little by it, and keep what is asked on average', () => {
    const { thresholds, recall, density } = calibratedThresholds(curvesOf([local, spread]), shapeOf(2), 0.95);
    expect(thresholds[0]?.[0]).toBeLessThan(0.5);
    expect(thresholds[0]?.[1]).toBe(0.92);
    expect(recall).toBeGreaterThanOrEqual(0.95);
    expect(density).toBeLessThan(0.6);
  });

  it('take everything where nothing may be lost', () => {
    const curves = curvesOf([spread, spread]);
    expect(calibratedThresholds(curves, shapeOf(2), 0.9999).thresholds).toEqual([[1, 1]]);
  });

  it('let no head lose more than twice what all lose on average', () => {
    const free = () => ({ kept: 1, read: 0.02 });
    const { thresholds } = calibratedThresholds(curvesOf([spread, free, free, free, free, free]), shapeOf(6), 0.95);
    expect(thresholds[0]).toEqual([0.9, ...Array<number>(5).fill(1)]);
  });

  it('are 1 for layers that have a window of their own', () => {
    const curves: BlockCurves = { ...curvesOf([local, local]), blocks: [0, 10], unitsVisible: [0, 100] };
    const lists = {
      massKept: [...Array<number>(masses).fill(0), ...(curves.massKept as number[])],
      unitsRead: curves.unitsRead,
    };
    const all = {
      ...curves,
      ...lists,
      unitsRead: [...Array<number>(masses).fill(0), ...(curves.unitsRead as number[])],
    };
    const { thresholds } = calibratedThresholds(all, { layers: 2, heads: 1, kvHeads: 1, headDim: 4 }, 0.95);
    expect(thresholds[0]).toEqual([1]);
    expect(thresholds[1]?.[0]).toBeLessThan(1);
    expect(() => calibratedThresholds({ ...all, blocks: [0, 0] }, { ...small, kvHeads: 1 }, 0.9)).toThrow(/No head/);
  });

  it('are the cheapest of all choices that keep enough', () => {
    const curve = fc.tuple(fc.double({ min: 0.2, max: 4, noNaN: true }), fc.double({ min: 0.2, max: 4, noNaN: true }));
    fc.assert(
      fc.property(fc.tuple(curve, curve), fc.double({ min: 0.6, max: 0.98, noNaN: true }), (heads, recall) => {
        const curves = curvesOf(heads.map(([a, b]) => (mass: number) => ({ kept: mass ** a, read: mass ** b })));
        const found = calibratedThresholds(curves, shapeOf(2), recall);
        expect(found.recall).toBeGreaterThanOrEqual(recall - 1e-9);
        expect(found.density).toBeLessThanOrEqual(leastDensity(heads, recall) + 1e-9);
      }),
      { numRuns: 200 },
    );
  });

  /** Of all pairs of masses, a step of rounding for each head given away. */
  function leastDensity(heads: readonly (readonly [number, number])[], recall: number): number {
    let least = 1;
    const strict = 1 - (1 - recall) * (1 - 2 / 100);
    for (const first of TRIED_MASSES) {
      for (const second of TRIED_MASSES) {
        const kept = [first, second].map((mass, i) => mass ** (heads[i]?.[0] ?? 1));
        const losses = kept.map((share) => 1 - share);
        if (Math.max(...losses) > 2 * (1 - recall) || (kept[0] as number) + (kept[1] as number) < 2 * strict) continue;
        least = Math.min(least, [first, second].reduce((sum, mass, i) => sum + mass ** (heads[i]?.[1] ?? 1), 0) / 2);
      }
    }
    return least;
  }
});
