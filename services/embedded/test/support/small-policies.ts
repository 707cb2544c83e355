import {
  doubleSparsity,
  duoAttention,
  flexprefill,
  layerSpans,
  lserve,
  masformer,
  methodCards,
  minference,
  quest,
  razorAttention,
  streaming,
  tokenSelect,
  xattention,
  type HeadPlan,
  type PolicySpec,
} from '@longhaul/attention';

/** The plans of each method, with budgets and windows so small that a text of some hundred tokens is sparse. */
const plans: Readonly<Record<string, HeadPlan[]>> = {
  dense: [],
  streaming: streaming({ windowTokens: 100 }),
  masformer: masformer({ windowTokens: 90 }),
  longgen: layerSpans({ sparseLayers: [{ to: 1 }, { from: 3 }], sinkTokens: 8, windowTokens: 80 }),
  'duo-attention': duoAttention({ sinkTokens: 8, windowTokens: 70 }),
  'razor-attention': razorAttention({ windowTokens: 60 }),
  xattention: xattention({ mass: 0.5 }),
  minference: minference({ verticals: 8, slashes: 8 }),
  flexprefill: flexprefill({ mass: 0.5, minUnits: 2 }),
  'skip-softmax': [],
  quest: quest({ budgetTokens: 128, denseLayers: 1 }),
  lserve: lserve({ budgetTokens: 192 }),
  tokenselect: tokenSelect({ sinkTokens: 8, windowTokens: 32, chosenTokens: 64 }),
  'double-sparsity': doubleSparsity({ budgetTokens: 128, denseLayers: 1 }),
};

function smallOf(id: string): PolicySpec {
  const found = plans[id];
  if (found === undefined) throw new Error(`support/small-policies.ts has no small version of ${id}`);
  return { name: id, ...(id === 'skip-softmax' ? { skip_softmax: 3 } : {}), plans: found };
}

/** Every method and every preset, really sparse on short texts. */
export const smallPolicies: readonly (readonly [id: string, policy: PolicySpec])[] = [
  ...methodCards.map(({ id }) => [id, smallOf(id)] as const),
  ['balanced', { preset: 'balanced', dense_below: 0 }],
  ['fast', { preset: 'fast', dense_below: 0 }],
];
