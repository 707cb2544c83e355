import type { MethodCard } from './method-card.js';

/** Logits this far below a row's maximum have probabilities below 2^-20. */
const THRESHOLD = 14;

/** Tiles whose greatest logit is far below the maximum so far are skipped before their exponentials. An option of any policy. */
export const skipSoftmaxCard: MethodCard = {
  id: 'skip-softmax',
  title: 'Skip-softmax: tiles that cannot matter',
  source: 'BLASST, arXiv:2512.12087, section 3',
  what: 'A block of keys is skipped for a query when its greatest logit is below the maximum so far by more than a threshold: no exponentials, no values. Works under every policy.',
  fails:
    'Keys are still read and scored, so at best the second half of the work is saved; with attention that is flat, nothing.',
  differs: 'Decided for each query alone, not for a tile of queries, and the threshold is the same at every length.',
  policy: { name: 'skip-softmax', skip_softmax: THRESHOLD, plans: [] },
};
