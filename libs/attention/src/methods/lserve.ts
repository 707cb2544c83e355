import type { HeadPlan } from '../policy.js';
import { retrievalHeads, streamingHeads } from './duo-attention.js';
import type { MethodCard } from './method-card.js';
import { streamingBranches } from './streaming.js';

export interface LServeOptions {
  /** Share of KV heads that stream, 0 to 1. */
  readonly sparsity?: number;
  readonly budgetTokens?: number;
  readonly pageTokens?: number;
  /** A list is chosen at every so many tokens. */
  readonly everySteps?: number;
}

const SINK_TOKENS = 128;
const PREFILL_WINDOW_TOKENS = 8192;
const DECODE_WINDOW_TOKENS = 256;

/**
 * Streaming heads in both phases; in decode the others choose pages of 64 by the bounds of their parts of 16 tokens, at
 * every fourth token (LServe, arXiv:2502.14866, sections 3.3 and 3.5). Needs the artefact `gates`, and `key-bounds`.
 */
export function lserve({
  sparsity = 0.5,
  budgetTokens = 4096,
  pageTokens = 64,
  everySteps = 4,
}: LServeOptions = {}): HeadPlan[] {
  const gates = streamingHeads(sparsity);
  return [
    { phase: 'prefill', gates, branches: streamingBranches(SINK_TOKENS, PREFILL_WINDOW_TOKENS) },
    { phase: 'decode', gates, branches: streamingBranches(SINK_TOKENS, DECODE_WINDOW_TOKENS) },
    {
      phase: 'decode',
      gates: retrievalHeads(sparsity),
      branches: [
        {
          range: 'all',
          unit: { kind: 'page', tokens: pageTokens },
          scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' }, head_reduce: 'max' },
          selector: { rule: 'top-k', tokens: budgetTokens },
          reuse: { kind: 'every', steps: everySteps },
        },
      ],
    },
  ];
}

export const lserveCard: MethodCard = {
  id: 'lserve',
  title: 'LServe: streaming heads, and pages chosen at every fourth token',
  source: 'LServe, arXiv:2502.14866, section 3',
  what: 'Half of the heads stream. The others look at 4,096 tokens in pages of 64, ranked by the best of their parts of 16 tokens; a list is kept for four tokens.',
  fails:
    'A fact that is needed between two choices comes up to three tokens late. No drafted tokens. Gates as with DuoAttention.',
  differs: 'One list per KV head, kept by the sequence. Bounds are those of the stored keys, of whatever KV type.',
  policy: { name: 'lserve', plans: lserve() },
};
