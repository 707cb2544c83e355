import { describe, expect, it } from '@jest/globals';
import { UNBOUNDED } from '../bounds.js';
import type { CompiledPolicy, NativeHeadPlan } from '../compiled-policy.js';
import type { HeadPlan, Phase, PolicySpec, WrittenPolicy } from '../policy.js';
import { DENSE } from '../presets.js';
import { shapes } from '../testing/shapes.js';
import { compilePolicy } from './compile-policy.js';

const shape = shapes['smollm2-135m'];

/** Plan of one head of a compiled policy. */
function planAt(policy: CompiledPolicy, phase: Phase, [layer, head]: readonly [number, number]): NativeHeadPlan {
  const row = (phase === 'prefill' ? 0 : shape.layers) + layer;
  return policy.plans[policy.table[row * shape.kvHeads + head] as number] as NativeHeadPlan;
}

const questPlan: HeadPlan = {
  phase: 'decode',
  layers: [{ from: 2 }],
  branches: [
    {
      range: 'all',
      scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' } },
      selector: { rule: 'top-k', tokens: 4096 },
    },
  ],
};
const streamingPlan: HeadPlan = {
  phase: 'prefill',
  branches: [
    { range: 'sink', tokens: 4 },
    { range: 'window', tokens: 1000 },
    { range: 'middle', selector: { rule: 'none' } },
  ],
};

describe('a compiled policy', () => {
  it('is dense everywhere, exact and without numerics where nothing is asked for', () => {
    for (const spec of [DENSE, { plans: [] }]) {
      const compiled = compilePolicy(spec, shape);
      expect(compiled).toMatchObject({
        ...{ alignment: 1, exactBelow: UNBOUNDED, decodeDense: true, prefillNumerics: '', numericsId: '' },
        ...{ quality: 'exact', kvQuality: 'exact', drafts: true, skipSoftmax: 0, labels: null, missing: [] },
      });
      expect(compiled.plans.map(({ rule }) => rule)).toEqual(['all']);
      expect(compiled.table).toEqual(new Uint8Array(2 * 30 * 3));
    }
  });

  it('of decode alone leaves the KV of the prompt exact, and the dense layers dense', () => {
    const compiled = compilePolicy({ plans: [questPlan] }, shape);
    expect(compiled).toMatchObject({ alignment: 1, exactBelow: UNBOUNDED, prefillNumerics: '', kvQuality: 'exact' });
    expect(compiled).toMatchObject({ decodeDense: false, quality: 'sparse', drafts: true });
    expect(compiled.numericsId).toMatch(/^[0-9a-f]{64}$/);
    expect(planAt(compiled, 'decode', [1, 0]).rule).toBe('all');
    expect(planAt(compiled, 'decode', [2, 2])).toMatchObject({
      ...{ rule: 'top-k', budgetTokens: 4096, scorer: 'key-bounds', headReduce: 'max', unitTokens: 16 },
      ...{ sinkTokens: 0, windowTokens: 1, reuseEvery: 1, denseBelow: 0 },
    });
    expect(planAt(compiled, 'prefill', [2, 2]).rule).toBe('all');
  });

  it('of a mask needs no alignment and is exact below its dense part, rounded down to pages', () => {
    const compiled = compilePolicy({ plans: [{ ...streamingPlan, dense_below: 1000 }] }, shape);
    expect(compiled).toMatchObject({ alignment: 1, exactBelow: 992, kvQuality: 'sparse', decodeDense: true });
    const head = { rule: 'none', sinkTokens: 4, windowTokens: 1000, denseBelow: 1000, unitTokens: 1 };
    expect(planAt(compiled, 'prefill', [0, 0])).toMatchObject(head);
  });

  it('that chooses for query blocks is cut at 128 positions, its dense part included', () => {
    const compiled = compilePolicy({ preset: 'balanced', dense_below: 1000 }, shape);
    expect(compiled).toMatchObject({ name: 'balanced', label: 'balanced', alignment: 128, exactBelow: 896 });
    expect(planAt(compiled, 'prefill', [0, 0])).toMatchObject({
      denseBelow: 896,
      mass: 0.9,
      stride: 16,
      unitTokens: 128,
    });
    expect(planAt(compiled, 'decode', [2, 0])).toMatchObject({ denseBelow: 1000, budgetTokens: 2048 });
  });

  it('that keeps lists, or sums for a summary, allows no drafts', () => {
    expect(compilePolicy({ preset: 'fast' }, shape).drafts).toBe(false);
    const summary: HeadPlan = {
      phase: 'decode',
      branches: [
        { range: 'window', tokens: 100 },
        { range: 'middle', selector: { rule: 'none' }, exec: 'summary' },
      ],
    };
    expect(compilePolicy({ plans: [summary] }, shape).drafts).toBe(false);
    expect(compilePolicy({ plans: [{ ...streamingPlan, phase: 'decode' }] }, shape).drafts).toBe(true);
    expect(compilePolicy({ preset: 'balanced' }, shape).drafts).toBe(true);
  });

  it('that skips exponentials is exact nowhere', () => {
    const compiled = compilePolicy({ plans: [], skip_softmax: 12 }, shape);
    expect(compiled).toMatchObject({ exactBelow: 0, decodeDense: false, quality: 'sparse', kvQuality: 'sparse' });
    expect(compiled.prefillNumerics).not.toBe('');
  });

  it('has the same numerics however it is written, and others where a value differs', () => {
    const id = (policy: WrittenPolicy) => compilePolicy(policy, shape).numericsId;
    const plain = id({ plans: [questPlan, streamingPlan] });
    const [all] = questPlan.branches;
    expect(id({ name: 'other', skip_softmax: 0, dense_below: 0, plans: [streamingPlan, questPlan] })).toBe(plain);
    const spelled = { ...all, unit: { kind: 'page', tokens: 16 }, reuse: { kind: 'always' }, rope: 'R0' } as typeof all;
    expect(id({ plans: [streamingPlan, { ...questPlan, branches: [spelled as never] }] })).toBe(plain);
    const split = [{ from: 2, to: 9 }, { from: 9 }];
    expect(id({ plans: [{ ...questPlan, layers: split }, streamingPlan] })).toBe(plain);
    expect(id({ plans: [{ ...questPlan, layers: [{ from: 3 }] }, streamingPlan] })).not.toBe(plain);
    expect(id({ plans: [questPlan, { ...streamingPlan, dense_below: 16 }] })).not.toBe(plain);
    expect(id({ plans: [questPlan] })).not.toBe(plain);
  });

  it('has the bound of an audit that it says, which decides nothing of what is computed', () => {
    const policy = { plans: [questPlan] };
    const bound = compilePolicy({ ...policy, audit: { least_recall: 0.9, most_kl: 2 } }, shape);
    expect(bound.audit).toEqual({ leastRecall: 0.9, mostKl: 2 });
    const { audit, numericsId, prefillNumerics } = compilePolicy(policy, shape);
    expect({ audit, numericsId, prefillNumerics }).toEqual({
      ...{
        audit: { leastRecall: null, mostKl: null },
        numericsId: bound.numericsId,
        prefillNumerics: bound.prefillNumerics,
      },
    });
    const preset = compilePolicy({ preset: 'balanced', audit: { least_recall: 0.7 } }, shape);
    expect(preset).toMatchObject({ label: 'balanced', audit: { leastRecall: 0.7, mostKl: null } });
  });

  it('has a denser one to fall back to first, which looks at twice as much and leaves half as much of the mass out', () => {
    const denser = (policy: PolicySpec) => compilePolicy(policy, shape).denser as CompiledPolicy;
    const preset = denser({ preset: 'balanced' });
    expect(preset).toMatchObject({ name: 'balanced', label: 'balanced', exactBelow: 8192, denser: null });
    expect(planAt(preset, 'decode', [2, 0])).toMatchObject({ budgetTokens: 4096, denseBelow: 8192, unitTokens: 16 });
    expect(planAt(preset, 'decode', [1, 0]).rule).toBe('all');
    expect(planAt(preset, 'prefill', [2, 0]).mass).toBeCloseTo(0.95);
    const kept = denser({ preset: 'fast' });
    expect(planAt(kept, 'decode', [2, 0])).toMatchObject({ budgetTokens: 1920, reuseEvery: 4, unitTokens: 64 });
    const masked = denser({ plans: [{ ...streamingPlan, phase: 'decode' }] });
    expect(planAt(masked, 'decode', [0, 0])).toMatchObject({ windowTokens: 2000, sinkTokens: 4 });
    expect(denser({ plans: [questPlan], skip_softmax: 60 }).skipSoftmax).toBe(100);
    expect(preset.numericsId).not.toBe(compilePolicy({ preset: 'balanced' }, shape).numericsId);
  });

  it('has none where its generated tokens look at everything', () => {
    expect([DENSE, { plans: [streamingPlan] }].map((policy) => compilePolicy(policy, shape).denser)).toEqual([
      null,
      null,
    ]);
  });

  it('shares the KV of prompts with policies that decode otherwise', () => {
    const numerics = (policy: WrittenPolicy) => compilePolicy(policy, shape).prefillNumerics;
    expect(numerics({ plans: [questPlan, streamingPlan] })).toBe(numerics({ plans: [streamingPlan] }));
  });
});
