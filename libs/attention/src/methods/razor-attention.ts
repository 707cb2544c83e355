import type { Branch, HeadPlan } from '../policy.js';
import { streamingHeads } from './duo-attention.js';
import type { MethodCard } from './method-card.js';

export interface RazorAttentionOptions {
  /** Share of KV heads that are cut, 0 to 1. */
  readonly sparsity?: number;
  readonly sinkTokens?: number;
  readonly windowTokens?: number;
}

/**
 * In decode, heads that do not retrieve look at sink, window and one row that stands for the rest: the mean of its keys and
 * of its values, with the logarithm of its count added to the logit (RazorAttention, arXiv:2407.15891, section 3). Prefill
 * is dense. Needs the artefact `gates`.
 */
export function razorAttention({
  sparsity = 0.85,
  sinkTokens = 4,
  windowTokens = 4000,
}: RazorAttentionOptions = {}): HeadPlan[] {
  const branches: Branch[] = [
    { range: 'sink', tokens: sinkTokens },
    { range: 'window', tokens: windowTokens },
    { range: 'middle', selector: { rule: 'none' }, exec: 'summary' },
  ];
  return [{ phase: 'decode', gates: streamingHeads(sparsity), branches }];
}

export const razorAttentionCard: MethodCard = {
  id: 'razor-attention',
  title: 'RazorAttention: one row for what is dropped',
  source: 'RazorAttention, arXiv:2407.15891, section 3',
  what: 'In decode, heads that do not retrieve look at sink, window and one row, the mean of all they drop, weighted by its count.',
  fails:
    'The mean of rotated keys over a long span says little of any of them, and weighs less than they do together. Gates as with DuoAttention.',
  differs:
    'The window has a fixed size: it does not become a fifth of the prompt where that is more than 4,000 tokens. All KV is kept.',
  policy: { name: 'razor-attention', plans: razorAttention() },
};
