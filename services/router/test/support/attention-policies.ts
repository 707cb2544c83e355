import type { HeadPlan, ModelShape, WrittenPolicy } from '@longhaul/attention';

/** A small model whose first layer has a sliding window of its own. */
export const SHAPE: ModelShape = {
  package: 'scripted',
  ...{ layers: 4, kvHeads: 2, heads: 4, headDim: 64, windows: [512, 0, 0, 0], kvDtype: 'f32' },
  ...{ artefacts: {}, channels: ['key-bounds'] },
};

const bounds = { phi: 'relu-split', channel: { kind: 'key-bounds' } } as const;

/** The best pages, as many as fill a budget. */
export function pagesPlan(tokens: number, more: Partial<HeadPlan> = {}): HeadPlan {
  return {
    phase: 'decode',
    branches: [{ range: 'all', scorer: bounds, selector: { rule: 'top-k', tokens } }],
    ...more,
  };
}

export const PAGES: WrittenPolicy = { name: 'pages', plans: [pagesPlan(256)] };

/** What is no policy, or none that this model can have, and the field that is named for it, below the policy's own. */
export const IMPOSSIBLE: readonly (readonly [what: string, policy: object, field: string, why: RegExp])[] = [
  ['a preset that there is not', { preset: 'quest' }, '.preset', /dense, balanced, fast/],
  ['an unknown field', { ...PAGES, budget: 1 }, '.budget', /no field/],
  ['a field that names a prototype', JSON.parse('{"plans":[],"__proto__":{}}') as object, '.__proto__', /no field/],
  ['no plans', { name: 'x' }, '.plans', /list/],
  ['a name with a space', { ...PAGES, name: 'a b' }, '.name', /1 to 64/],
  ['no budget', policyOf(pagesPlan(0)), '.plans[0].branches[0].selector.tokens', /from 1 to 16777216/],
  ['a budget beyond bounds', policyOf(pagesPlan(2 ** 24 + 1)), '.plans[0].branches[0].selector.tokens', /16777216/],
  [
    'two plans for one head',
    policyOf(pagesPlan(256), pagesPlan(512, { kv_heads: [1] })),
    '.plans[1]',
    /layer 1, KV head 1 in decode: a head has one plan/,
  ],
  [
    'two selectors on one range',
    policyOf(pagesPlan(256, { branches: [...pagesPlan(256).branches, ...pagesPlan(512).branches] })),
    '.plans[0].branches[1].range',
    /one selector/,
  ],
  [
    'mass over bounds, which are no probabilities',
    policyOf(pagesPlan(1, { branches: [{ range: 'all', scorer: bounds, selector: { rule: 'top-cdf', mass: 0.9 } }] })),
    '.plans[0].branches[0].selector.rule',
    /not probabilities/,
  ],
  [
    'heads by an artefact that the package lacks',
    policyOf(pagesPlan(256, { gates: { heads: 'retrieval', sparsity: 0.5 } })),
    '.plans[0]',
    /longhaul model calibrate scripted/,
  ],
  [
    'layers that have windows of their own',
    policyOf(pagesPlan(256, { layers: [{ to: 1 }] })),
    '.plans[0].layers',
    /sliding window of its own/,
  ],
  ['layers that there are not', policyOf(pagesPlan(256, { layers: [{ from: 5 }] })), '.plans[0].layers[0]', /4 layers/],
  ['heads that there are not', policyOf(pagesPlan(256, { kv_heads: [2] })), '.plans[0].kv_heads[0]', /0 to 1/],
];

function policyOf(...plans: HeadPlan[]): WrittenPolicy {
  return { name: 'made', plans };
}
