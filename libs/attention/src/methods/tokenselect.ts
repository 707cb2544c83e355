import { phases, type HeadPlan, type Phase } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface TokenSelectOptions {
  readonly sinkTokens?: number;
  readonly windowTokens?: number;
  /** Tokens that are chosen beside sink and window. */
  readonly chosenTokens?: number;
  /** A list is kept while the cosine of the query and that of the list is at least this, -1 to 1; null: never. */
  readonly reuseCosine?: number | null;
  readonly phases?: readonly Phase[];
}

/**
 * Single tokens by a vote of the query heads of a KV head, in decode with a selection cache (TokenSelect, arXiv:2411.02886,
 * section 4). Keys keep their own positions.
 *
 * @remarks Scoring reads every key, half of what dense decode reads, unless the list is kept.
 */
export function tokenSelect(options: TokenSelectOptions = {}): HeadPlan[] {
  return (options.phases ?? phases).map((phase) => tokenPlan(phase, options));
}

function tokenPlan(
  phase: Phase,
  { sinkTokens = 128, windowTokens = 512, chosenTokens = 2048, reuseCosine = 0.9 }: TokenSelectOptions,
): HeadPlan {
  const reuse = { kind: 'cosine', at_least: reuseCosine ?? 1 } as const;
  return {
    phase,
    branches: [
      { range: 'sink', tokens: sinkTokens },
      { range: 'window', tokens: windowTokens },
      {
        range: 'middle',
        scorer: { phi: 'identity', channel: { kind: 'keys' }, head_reduce: 'vote' },
        selector: { rule: 'top-k', tokens: sinkTokens + windowTokens + chosenTokens },
        ...(phase === 'decode' && reuseCosine !== null ? { reuse } : {}),
      },
    ],
  };
}

export const tokenSelectCard: MethodCard = {
  id: 'tokenselect',
  title: 'TokenSelect: single tokens by vote',
  source: 'TokenSelect, arXiv:2411.02886, section 4',
  what: 'Sink, window and the 2,048 tokens that the query heads vote for. In decode a list is kept while the query stays similar (cosine 0.9).',
  fails:
    'Scoring reads all keys. The cosine of a whole query does not notice one head turning elsewhere. No drafted tokens.',
  differs:
    'Keys keep their own positions, so it does not go beyond the trained context. Each KV head has a list of its own. A prompt is chosen for in blocks of 128 queries.',
  policy: { name: 'tokenselect', plans: tokenSelect() },
};
