import type { WrittenPolicy } from '../policy.js';
import type { MethodCard } from './method-card.js';

/** Logits this far below a row's maximum have probabilities below 2^-20. */
const THRESHOLD = 14;

/**
 * A policy whose blocks of keys are skipped for a query where their greatest logit is below its maximum so far by more than
 * `threshold`, in natural logarithms (BLASST, arXiv:2512.12087, section 3). An option of any policy.
 *
 * @remarks No metadata, no selection: what is skipped is the exponentials of the block and its values.
 */
export function skipSoftmax({ threshold = THRESHOLD } = {}): WrittenPolicy {
  return { name: 'skip-softmax', skip_softmax: threshold, plans: [] };
}

export const skipSoftmaxCard: MethodCard = {
  id: 'skip-softmax',
  title: 'Skip-softmax: tiles that cannot matter',
  source: 'BLASST, arXiv:2512.12087, section 3',
  what: 'A block of keys is skipped for a query when its greatest logit is below the maximum so far by more than a threshold: no exponentials, no values. Works under every policy.',
  fails:
    'Keys are still read and scored, so at best the second half of the work is saved; with attention that is flat, nothing.',
  differs: 'Decided for each query alone, not for a tile of queries, and the threshold is the same at every length.',
  policy: skipSoftmax(),
};
