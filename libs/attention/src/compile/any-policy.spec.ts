import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UNBOUNDED } from '../bounds.js';
import { branchesOf } from '../branch-range.js';
import type { CompiledPolicy, NativeHeadPlan } from '../compiled-policy.js';
import { compositionFaults } from '../composition/check-composition.js';
import { allowsDrafts } from '../drafts.js';
import { parsePolicyText } from '../parse-policy.js';
import type { WrittenPolicy } from '../policy.js';
import { anyPolicy } from '../testing/arbitrary-policy.js';
import { calibrated } from '../testing/artefacts.js';
import { shapes } from '../testing/shapes.js';
import { compilePolicy } from './compile-policy.js';
import { denseUpTo } from './dense-up-to.js';

const bare = shapes['needle-3m'];
const shape = calibrated(bare);
const RUNS = { numRuns: 1000, seed: 11 };

/** What the native engine demands of a head plan; its own checks are the same. */
function flaws(plan: NativeHeadPlan): string[] {
  const selects = plan.rule === 'top-k' || plan.rule === 'top-cdf';
  const ofTokens = plan.scorer === 'keys' || plan.scorer === 'labels';
  const checks: Record<string, boolean> = {
    unit: plan.unitTokens === 1 || (plan.unitTokens % 16 === 0 && plan.unitTokens <= 4096),
    'scorer where something ranks': selects === (plan.scorer !== 'none'),
    'unit of the scorer': !selects || ofTokens === (plan.unitTokens === 1),
    'shares of bounds': !(plan.rule === 'top-cdf' && plan.scorer === 'key-bounds'),
    window: plan.rule === 'all' || plan.windowTokens >= 1,
    mass: plan.mass > 0 && plan.mass <= 1,
    bounds: plan.minUnits <= plan.maxUnits && plan.maxUnits <= UNBOUNDED,
    stride: (plan.scorer === 'antidiagonal') === [4, 8, 16].includes(plan.stride),
    budget: plan.rule !== 'top-k' || plan.scorer === 'vertical-slash' || plan.budgetTokens >= 1,
    summary: !plan.summary || plan.rule === 'none',
    'whole numbers': [plan.denseBelow, plan.sinkTokens, plan.windowTokens, plan.budgetTokens, plan.reuseEvery].every(
      (value) => Number.isInteger(value) && value >= 0 && value <= UNBOUNDED,
    ),
  };
  return Object.keys(checks).filter((name) => !checks[name]);
}

/** Phases and what must hold between a policy's facts. */
function contradictions({ plans, table, ...facts }: CompiledPolicy): string[] {
  const half = table.length / 2;
  const heads = (from: number) => [...table.subarray(from, from + half)].map((index) => plans[index] as NativeHeadPlan);
  const [prefill, decode] = [heads(0), heads(half)];
  const dense = (of: NativeHeadPlan[]) => facts.skipSoftmax === 0 && of.every(({ rule }) => rule === 'all');
  const checks: Record<string, boolean> = {
    prefill: dense(prefill) === (facts.prefillNumerics === '') && dense(prefill) === (facts.exactBelow === UNBOUNDED),
    decode: dense(decode) === facts.decodeDense,
    quality: (facts.quality === 'exact') === (facts.numericsId === ''),
    'exact below where a chunk may end': facts.exactBelow % Math.max(16, facts.alignment) === 0,
    'exact below what each head has dense': prefill.every(
      ({ rule, denseBelow }) => rule === 'all' || facts.exactBelow <= denseBelow,
    ),
    'reuse in decode alone': prefill.every(({ reuseEvery, reuseCosine }) => reuseEvery === 1 && reuseCosine > 1),
    'drafts where nothing is kept': !facts.drafts || decode.every(keepsNothing),
    labels: [...prefill, ...decode].some(({ scorer }) => scorer === 'labels') === (facts.labels !== null),
  };
  return Object.keys(checks).filter((name) => !checks[name]);
}

function named(name: string, policy: CompiledPolicy): CompiledPolicy {
  return { ...policy, name, denser: policy.denser && named(name, policy.denser) };
}

/** What is wrong with what a policy falls back to. */
function denserFlaws({ denser, decodeDense, ...policy }: CompiledPolicy): string[] {
  if (denser === null) return decodeDense ? [] : ['none'];
  const { exactBelow, alignment, drafts, labels, table } = policy;
  expect(denser).toMatchObject({ exactBelow, alignment, drafts, labels, table, decodeDense, denser: null });
  const looksAtLess = denser.plans.filter((plan, i) => denseUpTo(plan) < denseUpTo(policy.plans[i] as NativeHeadPlan));
  return [
    ...denser.plans.flatMap(flaws),
    ...contradictions(denser),
    ...looksAtLess.map(({ rule }) => `less with ${rule}`),
    ...(denser.skipSoftmax < policy.skipSoftmax ? ['skips more'] : []),
  ];
}

function keepsNothing({ reuseEvery, reuseCosine, summary }: NativeHeadPlan): boolean {
  return reuseEvery === 1 && reuseCosine > 1 && !summary;
}

/** The same JSON, written otherwise: keys the other way round, and without what says nothing. */
function rewritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewritten);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.reverse().map(([key, item]) => [key, rewritten(item)]));
}

describe('any policy that is right field by field', () => {
  it('compiles to plans that the native engine takes, or breaks a rule that has a name', () => {
    let compiledOnes = 0;
    fc.assert(
      fc.property(anyPolicy, fc.boolean(), (policy, hasArtefacts) => {
        const model = hasArtefacts ? shape : bare;
        const [fault] = compositionFaults('attention', policy, model);
        if (fault !== undefined) {
          expect(() => compilePolicy(policy, model)).toThrow(expect.objectContaining(fault));
          expect(fault.message).toContain(fault.field.replace(/^attention\.?/, ''));
          return;
        }
        const compiled = compilePolicy(policy, model);
        compiledOnes++;
        expect(compiled.plans.flatMap(flaws)).toEqual([]);
        expect(contradictions(compiled)).toEqual([]);
        expect(denserFlaws(compiled)).toEqual([]);
        if (allowsDrafts(policy)) expect(compiled.drafts).toBe(true);
      }),
      RUNS,
    );
    expect(compiledOnes).toBeGreaterThan(50);
  });

  it('has branches that take every visible key once, where it breaks no rule', () => {
    fc.assert(
      fc.property(anyPolicy, fc.nat(30_000), fc.nat(30_000), (policy, a, b) => {
        if (!compositionFaults('attention', policy, shape).next().done) return;
        for (const plan of policy.plans) {
          expect(branchesOf(plan, { query: Math.max(a, b), key: Math.min(a, b) })).toHaveLength(1);
        }
      }),
      RUNS,
    );
  });

  it('means the same however it is written, and over the wire', () => {
    const faultless = (policy: WrittenPolicy) => compositionFaults('attention', policy, shape).next().done === true;
    fc.assert(
      fc.property(anyPolicy.filter(faultless), (policy) => {
        const compiled = compilePolicy(policy, shape);
        const again = compilePolicy(parsePolicyText('attention', JSON.stringify(rewritten(policy))), shape);
        expect(again).toEqual(compiled);
        const turned = { ...policy, name: 'c', plans: [...policy.plans].reverse() };
        expect(compilePolicy(turned, shape)).toEqual(named('c', compiled));
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});
