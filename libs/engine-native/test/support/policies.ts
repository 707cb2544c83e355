import type { AttentionPolicyOptions, NativeHeadPlan } from '../../src/index.js';

/** A plan that leaves nothing out. */
export const densePlan: NativeHeadPlan = {
  ...{ denseBelow: 0, rule: 'all', sinkTokens: 0, windowTokens: 1, unitTokens: 16, scorer: 'none', stride: 16 },
  ...{
    headReduce: 'max',
    boundRadius: 1,
    budgetTokens: 1,
    mass: 1,
    minUnits: 0,
    maxUnits: 2 ** 30,
    verticals: 0,
    slashes: 0,
  },
  ...{ reuseEvery: 1, reuseCosine: 2, summary: false },
};

/** Sinks and a window, and nothing else. */
export function maskPlan(sinkTokens: number, windowTokens: number): NativeHeadPlan {
  return { ...densePlan, rule: 'none', sinkTokens, windowTokens };
}

/** A policy with one plan for all of prefill and one for all of decode. */
export function policyOf(
  shape: { layers: number; kvHeads: number },
  prefill: NativeHeadPlan,
  decode: NativeHeadPlan,
): AttentionPolicyOptions {
  const heads = shape.layers * shape.kvHeads;
  const table = new Uint8Array(2 * heads).fill(1, heads);
  return {
    layers: shape.layers,
    kvHeads: shape.kvHeads,
    plans: [prefill, decode],
    table,
    skipSoftmax: 0,
    labels: null,
  };
}
