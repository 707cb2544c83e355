import { phases, type Branch, type HeadPlan, type Phase } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface StreamingOptions {
  /** First tokens, which every query looks at. */
  readonly sinkTokens?: number;
  /** Last tokens, the query's own included. */
  readonly windowTokens?: number;
  readonly phases?: readonly Phase[];
}

/**
 * Sink and window: k < sinkTokens, or q - k < windowTokens, token for token (StreamingLLM, arXiv:2309.17453, section 3.2).
 *
 * @remarks A mask alone: it costs what its tokens cost. Fails wherever something outside the window is asked for.
 */
export function streaming({
  sinkTokens = 4,
  windowTokens = 2044,
  phases: wanted = phases,
}: StreamingOptions = {}): HeadPlan[] {
  return wanted.map((phase) => ({ phase, branches: streamingBranches(sinkTokens, windowTokens) }));
}

/** The branches of sink and window, with nothing between them. */
export function streamingBranches(sinkTokens: number, windowTokens: number): Branch[] {
  return [
    ...(sinkTokens > 0 ? [{ range: 'sink' as const, tokens: sinkTokens }] : []),
    { range: 'window', tokens: windowTokens },
    { range: 'middle', selector: { rule: 'none' } },
  ];
}

export const streamingCard: MethodCard = {
  id: 'streaming',
  title: 'StreamingLLM: sink and window',
  source: 'StreamingLLM, arXiv:2309.17453, section 3.2',
  what: 'A query looks at the first tokens of the text and at the last ones before it, token for token. Nothing is chosen.',
  fails: 'Whatever left the window is gone: facts in the middle of a text are not found, in a prompt of any length.',
  differs:
    'Keys keep their own positions, so it does not go beyond the context that the model was trained for. All KV is kept.',
  policy: { name: 'streaming', plans: streaming() },
};
