import type { HeadPlan } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface XAttentionOptions {
  readonly stride?: 4 | 8 | 16;
  /** Share of the estimated mass that chosen blocks reach; `calibrated` takes that of each head from the package. */
  readonly mass?: number | 'calibrated';
}

/**
 * Blocks of 128 keys by sums over anti-diagonals, the best until their mass is reached; the first block and that of the
 * query always (XAttention, arXiv:2503.16428, section 2). Prefill.
 *
 * @remarks Scoring costs 1 / (2 stride) of dense attention. With `calibrated` needs the artefact `xattention-thresholds`.
 */
export function xattention({ stride = 16, mass = 0.9 }: XAttentionOptions = {}): HeadPlan[] {
  return [
    {
      phase: 'prefill',
      branches: [
        { range: 'sink', tokens: 1 },
        {
          range: 'middle',
          unit: { kind: 'page', tokens: 128 },
          scorer: { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride },
          selector: { rule: 'top-cdf', mass },
        },
      ],
    },
  ];
}

export const xattentionCard: MethodCard = {
  id: 'xattention',
  title: 'XAttention: blocks by anti-diagonals',
  source: 'XAttention, arXiv:2503.16428, section 2',
  what: 'The prompt is read in blocks of 128 queries; each looks at the blocks of keys that hold 90 % of the mass, as estimated from every 16th anti-diagonal.',
  fails:
    'A single key that one query needs is lost in the sum of its block where attention is spread otherwise. Below some 8K tokens it saves little.',
  differs:
    'One list per KV head: masses of its query heads are added. The diagonal is cut at positions, not at chunks.',
  policy: { name: 'xattention', dense_below: 8192, plans: xattention() },
};
