import type { HeadPlan } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface DoubleSparsityOptions {
  /** Dimensions of a key that are looked at for scoring. */
  readonly dims?: number;
  /** Tokens that a head looks at, sink and window included. */
  readonly budgetTokens?: number;
  readonly denseLayers?: number;
}

const SINK_TOKENS = 16;
const WINDOW_TOKENS = 64;

/**
 * Single tokens by a few dimensions of their keys (Double Sparsity, arXiv:2408.07092, section 3). Decode. Needs the
 * artefact `label-channels`.
 */
export function doubleSparsity({
  dims = 16,
  budgetTokens = 2048,
  denseLayers = 2,
}: DoubleSparsityOptions = {}): HeadPlan[] {
  return [
    {
      phase: 'decode',
      ...(denseLayers > 0 ? { layers: [{ from: denseLayers }] } : {}),
      branches: [
        { range: 'sink', tokens: SINK_TOKENS },
        { range: 'window', tokens: WINDOW_TOKENS },
        {
          range: 'middle',
          scorer: { phi: 'channel-subset', channel: { kind: 'labels', dims }, head_reduce: 'max' },
          selector: { rule: 'top-k', tokens: budgetTokens },
        },
      ],
    },
  ];
}

export const doubleSparsityCard: MethodCard = {
  id: 'double-sparsity',
  title: 'Double Sparsity: tokens by a few dimensions',
  source: 'Double Sparsity, arXiv:2408.07092, section 3',
  what: 'Each new token looks at the 2,048 tokens that match best in 16 dimensions of their keys, which were found by calibration.',
  fails: 'With dimensions of another model or of data unlike yours. Dimensions that rotate fast with position mislead.',
  differs:
    'Dimensions are chosen per KV head. There is no copy of the labels: they are read from the keys, and from an int8 pool all of a key is. Sink and window are forced.',
  policy: { name: 'double-sparsity', plans: doubleSparsity() },
};
