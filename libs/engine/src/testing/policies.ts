import {
  compilePolicy,
  type CompiledPolicy,
  type HeadPlan,
  type ModelShape,
  type PolicySpec,
  type Reuse,
} from '@longhaul/attention';
import { effective } from '../attention/compiled-policies.js';

/** Of the simulated model. */
export const simulatedShape: ModelShape = {
  ...{ layers: 3, kvHeads: 1, heads: 1, headDim: 64, windows: [0, 0, 0], kvDtype: 'f32', artefacts: {} },
  channels: ['key-bounds'],
};

/** Chooses blocks for a whole block of queries: prompts are cut at multiples of 128. */
const blocksOf = (mass: number): HeadPlan => ({
  phase: 'prefill',
  branches: [
    { range: 'sink', tokens: 1 },
    {
      range: 'middle',
      unit: { kind: 'page', tokens: 128 },
      scorer: { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: 16 },
      selector: { rule: 'top-cdf', mass },
    },
  ],
});
const [blocks, fewBlocks] = [blocksOf(0.9), blocksOf(0.5)];

/** A mask: what a query sees depends on its position alone. */
const mask: HeadPlan = {
  phase: 'prefill',
  branches: [
    { range: 'sink', tokens: 4 },
    { range: 'window', tokens: 64 },
    { range: 'middle', selector: { rule: 'none' } },
  ],
};

const pages = (reuse: Reuse, denseBelow?: number): HeadPlan => ({
  phase: 'decode',
  ...(denseBelow === undefined ? {} : { dense_below: denseBelow }),
  branches: [
    {
      range: 'all',
      unit: { kind: 'page', tokens: 16 },
      scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' } },
      selector: { rule: 'top-k', tokens: 64 },
      reuse,
    },
  ],
});

const always: Reuse = { kind: 'always' };

/** One of each kind that an engine treats in a way of its own. Short texts are really sparse unless a name says otherwise. */
export const policies = {
  blocks: { name: 'blocks', plans: [blocks] },
  'blocks beyond 256': { name: 'blocks-256', dense_below: 256, plans: [blocks] },
  'few blocks beyond 256': { name: 'few-256', dense_below: 256, plans: [fewBlocks] },
  mask: { name: 'mask', plans: [mask] },
  'mask beyond 40': { name: 'mask-40', dense_below: 40, plans: [mask] },
  pages: { name: 'pages', plans: [pages(always)] },
  'pages beyond 120': { name: 'pages-120', plans: [pages(always, 120)] },
  'blocks and pages': { name: 'both', plans: [blocks, pages(always)] },
  'pages kept for 4 tokens': { name: 'kept', plans: [blocks, pages({ kind: 'every', steps: 4 })] },
  'pages kept while alike': { name: 'alike', plans: [mask, pages({ kind: 'cosine', at_least: 0.9 }, 90)] },
} as const satisfies Record<string, PolicySpec>;

export type PolicyKind = keyof typeof policies;
export const policyKinds = Object.keys(policies) as readonly PolicyKind[];

/** The policy as an engine of the simulated model computes it; null: densely. */
export function compiled(spec: PolicySpec): CompiledPolicy | null {
  return effective(compilePolicy(spec, simulatedShape));
}
