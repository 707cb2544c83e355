import { phases, type GateChoice, type HeadPlan } from '../policy.js';
import type { MethodCard } from './method-card.js';
import { streamingBranches } from './streaming.js';

export interface DuoAttentionOptions {
  /** Share of KV heads that stream, 0 to 1: those with the lowest gates. */
  readonly sparsity?: number;
  readonly sinkTokens?: number;
  readonly windowTokens?: number;
}

/**
 * Heads that do not retrieve look at sink and window; the others at everything (DuoAttention, arXiv:2410.10819, section 2).
 * Needs the artefact `gates`.
 *
 * @remarks Saves in proportion to `sparsity`, whatever the length. Other plans may be given to the retrieval heads.
 */
export function duoAttention({
  sparsity = 0.5,
  sinkTokens = 64,
  windowTokens = 256,
}: DuoAttentionOptions = {}): HeadPlan[] {
  const branches = streamingBranches(sinkTokens, windowTokens);
  return phases.map((phase) => ({ phase, gates: streamingHeads(sparsity), branches }));
}

/** The share of heads that does least. */
export function streamingHeads(sparsity: number): GateChoice {
  return { heads: 'streaming', sparsity };
}

/** The other heads of the same split. */
export function retrievalHeads(sparsity: number): GateChoice {
  return { heads: 'retrieval', sparsity };
}

export const duoAttentionCard: MethodCard = {
  id: 'duo-attention',
  title: 'DuoAttention: heads that retrieve, and heads that stream',
  source: 'DuoAttention, arXiv:2410.10819, section 2',
  what: 'Half of the KV heads, those with the lowest gates, look at sink and window; the others at everything.',
  fails: 'With gates of another model, another RoPE scaling or other data. Saves a fixed share, however long the text.',
  differs:
    'The mask is token-exact; that of the authors depends on how a prompt is cut into chunks. Gates of equal value are told apart by their place, not by noise.',
  policy: { name: 'duo-attention', plans: duoAttention() },
};
