import { describe, expect, it } from '@jest/globals';
import { compilePolicy } from '../compile/compile-policy.js';
import { denseUpTo } from '../compile/dense-up-to.js';
import { UNBOUNDED } from '../bounds.js';
import type { NativeHeadPlan } from '../compiled-policy.js';
import { parsePolicyText } from '../parse-policy.js';
import type { HeadPlan, PolicySpec } from '../policy.js';
import { presetNames } from '../policy.js';
import { calibrated } from '../testing/artefacts.js';
import { shapes } from '../testing/shapes.js';
import {
  doubleSparsity,
  duoAttention,
  flexprefill,
  layerSpans,
  longgen,
  lserve,
  masformer,
  methodCards,
  minference,
  quest,
  razorAttention,
  streaming,
  tokenSelect,
  xattention,
} from './index.js';

const models = Object.entries(shapes).map(([name, shape]) => [name, calibrated(shape)] as const);

describe('every method', () => {
  it.each(methodCards.map((card) => [card.id, card] as const))('%s is JSON that is read as it is', (id, { policy }) => {
    const text = JSON.stringify(policy);
    expect(JSON.parse(JSON.stringify(parsePolicyText('attention', text)))).toEqual(JSON.parse(text));
    expect(policy.name).toBe(id);
  });

  it.each(models)('compiles for %s', (_, shape) => {
    for (const { id, policy } of methodCards) {
      if (id === 'longgen') continue;
      const compiled = compilePolicy(policy, shape);
      expect(compiled.table).toHaveLength(2 * shape.layers * shape.kvHeads);
      expect(Math.max(...compiled.table)).toBe(compiled.plans.length - 1);
      expect(compiled.name).toBe(id);
      expect(compiled.quality).toBe(id === 'dense' ? 'exact' : 'sparse');
    }
    expect(compilePolicy({ plans: longgen({ layers: shape.layers }) }, shape).quality).toBe('sparse');
    for (const preset of presetNames) expect(compilePolicy({ preset }, shape)).toMatchObject({ name: preset });
  });

  it('has numerics of its own', () => {
    const ids = methodCards.map(({ policy }) => compilePolicy(policy, calibrated(shapes['smollm2-135m'])).numericsId);
    expect(new Set(ids).size).toBe(methodCards.length);
  });
});

const everything = 1 << 20;

describe('at its widest setting a method looks at everything', () => {
  it.each<[string, readonly HeadPlan[]]>([
    ['streaming', streaming({ windowTokens: everything })],
    ['layer spans', layerSpans({ sparseLayers: [{}], sinkTokens: 0, windowTokens: everything })],
    ['MASFormer', masformer({ windowTokens: everything })],
    ['LongGen', longgen({ layers: 30, windowTokens: everything })],
    ['DuoAttention', duoAttention({ windowTokens: everything })],
    ['DuoAttention with all heads retrieving', duoAttention({ sparsity: 0 })],
    ['RazorAttention', razorAttention({ windowTokens: everything })],
    ['XAttention', xattention({ mass: 1 })],
    ['FlexPrefill', flexprefill({ mass: 1 })],
    ['MInference', minference({ verticals: everything, slashes: 0 })],
    ['Quest', quest({ budgetTokens: everything })],
    ['LServe', lserve({ budgetTokens: everything, sparsity: 0 })],
    ['TokenSelect', tokenSelect({ chosenTokens: everything })],
    ['Double Sparsity', doubleSparsity({ budgetTokens: everything })],
    ['dense', []],
  ])('%s', (_, plans) => {
    const compiled = compilePolicy({ plans }, calibrated(shapes['smollm2-135m']));
    expect(Math.min(...compiled.plans.map(denseUpTo))).toBeGreaterThanOrEqual(everything);
  });

  it('and at a narrow one up to what its lists hold', () => {
    const lengths = (plans: readonly HeadPlan[], dense_below = 0) => {
      const spec: PolicySpec = { plans, dense_below };
      const { plans: heads } = compilePolicy(spec, calibrated(shapes['smollm2-135m']));
      return heads.filter(({ rule }: NativeHeadPlan) => rule !== 'all').map(denseUpTo);
    };
    expect(lengths(streaming({ sinkTokens: 4, windowTokens: 100 }))).toEqual([104]);
    expect(lengths(quest({ budgetTokens: 100 }))).toEqual([112]);
    expect(lengths(quest({ budgetTokens: 100 }), 5000)).toEqual([5000]);
    expect(lengths(xattention())).toEqual([128]);
    expect(denseUpTo(compilePolicy({ plans: [] }, shapes['needle-3m']).plans[0] as NativeHeadPlan)).toBe(UNBOUNDED);
  });
});
