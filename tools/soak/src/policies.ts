import { allowsDrafts, type HeadPlan, type PolicySpec } from '@longhaul/attention';
import type { CompletionBody } from '@longhaul/testing';

/** What the requests of a run ask of attention: all the same, or one of several each. */
export const attentionModes = ['dense', 'balanced', 'fast', 'mixed'] as const;
export type AttentionMode = (typeof attentionModes)[number];

/** Prompts of a soak are short: budgets have to be small for anything to be left out. */
const BUDGET_TOKENS = 128;

const pages: HeadPlan = {
  phase: 'decode',
  branches: [
    {
      range: 'all',
      scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' }, head_reduce: 'max' },
      selector: { rule: 'top-k', tokens: BUDGET_TOKENS },
    },
  ],
};
const blocks: HeadPlan = {
  phase: 'prefill',
  branches: [
    { range: 'sink', tokens: 1 },
    {
      range: 'middle',
      scorer: { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: 8 },
      selector: { rule: 'top-cdf', mass: 0.5 },
    },
  ],
};
const windowed = (phase: HeadPlan['phase']): HeadPlan => ({
  phase,
  branches: [
    { range: 'sink', tokens: 4 },
    { range: 'window', tokens: BUDGET_TOKENS },
    { range: 'middle', selector: { rule: 'none' } },
  ],
});

const MIXED: readonly PolicySpec[] = [
  { preset: 'dense' },
  { preset: 'balanced' },
  { preset: 'fast', dense_below: 0 },
  { name: 'pages', plans: [pages] },
  { name: 'blocks-and-pages', plans: [blocks, pages] },
  { name: 'windowed', plans: [windowed('prefill'), windowed('decode')] },
  { name: 'windowed-prompt', skip_softmax: 12, plans: [windowed('prefill')] },
];

/** The policy of the request at a place; the same for every run. */
export function policyOf(mode: AttentionMode, at: number): PolicySpec {
  return (mode === 'mixed' ? MIXED[at % MIXED.length] : { preset: mode }) ?? { preset: 'dense' };
}

/** A request under a policy. */
export function underPolicy(body: CompletionBody, attention: PolicySpec): CompletionBody {
  return { ...body, longhaul: { attention } };
}

/** The same request with drafts, where its policy allows them: its answer has to be what it is without. */
export function withDrafts(body: CompletionBody, attention: PolicySpec): CompletionBody {
  if (!allowsDrafts(attention)) return body;
  return { ...body, longhaul: { attention, speculation: { kind: 'lookup' } } };
}
