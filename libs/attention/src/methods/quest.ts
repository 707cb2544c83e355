import type { HeadPlan, HeadReduce } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface QuestOptions {
  /** Tokens that a head looks at, the open page included. */
  readonly budgetTokens?: number;
  readonly pageTokens?: number;
  /** Layers from the bottom that stay dense. */
  readonly denseLayers?: number;
  readonly headReduce?: HeadReduce;
  /** A list is chosen at every so many tokens. */
  readonly everySteps?: number;
  /** Tokens that are always looked at: from the first on, and the last ones. */
  readonly sinkTokens?: number;
  readonly windowTokens?: number;
  /** Share of the bounds' half widths that counts. Quest: 1. */
  readonly radius?: number;
}

/**
 * Pages by the greatest product that the bounds of their keys allow (Quest, arXiv:2406.10774, section 3.3). Decode. Needs
 * the channel `key-bounds`.
 *
 * @remarks Reads 1 / 16 of the keys' bytes for scoring, then the budget.
 */
export function quest({
  budgetTokens = 4096,
  pageTokens = 16,
  denseLayers = 2,
  headReduce = 'max',
  everySteps = 1,
  sinkTokens = 0,
  windowTokens = 0,
  radius = 1,
}: QuestOptions = {}): HeadPlan[] {
  return [
    {
      phase: 'decode',
      ...(denseLayers > 0 ? { layers: [{ from: denseLayers }] } : {}),
      branches: [
        ...(sinkTokens > 0 ? [{ range: 'sink', tokens: sinkTokens } as const] : []),
        ...(windowTokens > 0 ? [{ range: 'window', tokens: windowTokens } as const] : []),
        {
          range: sinkTokens + windowTokens > 0 ? 'middle' : 'all',
          unit: { kind: 'page', tokens: pageTokens },
          scorer: {
            phi: 'relu-split',
            channel: { kind: 'key-bounds' },
            head_reduce: headReduce,
            ...(radius < 1 ? { radius } : {}),
          },
          selector: { rule: 'top-k', tokens: budgetTokens },
          ...(everySteps > 1 ? { reuse: { kind: 'every', steps: everySteps } } : {}),
        },
      ],
    },
  ];
}

export const questCard: MethodCard = {
  id: 'quest',
  title: 'Quest: pages by the bounds of their keys',
  source: 'Quest, arXiv:2406.10774, section 3.3',
  what: 'Each new token looks at the pages whose keys could match it best, by the least and greatest key of every page: 4,096 tokens. The first two layers are dense.',
  fails:
    'Bounds get loose with longer pages. With several facts in one text the budget may be too small for all of them.',
  differs: 'One list per KV head: the greatest score of its query heads counts.',
  policy: { name: 'quest', plans: quest() },
};
