import type { HeadPlan, Selector } from '../policy.js';
import type { MethodCard } from './method-card.js';

export interface MInferenceOptions {
  /** Columns: keys that all queries of a block look at. */
  readonly verticals?: number;
  /** Diagonals: distances from a query back to a key. */
  readonly slashes?: number;
}

/**
 * Columns and diagonals by the attention of a block's last 64 queries (MInference, vertical-slash; arXiv:2407.02490,
 * section 3.2). Prefill. The first 30 tokens and the last 100 are always looked at.
 */
export function minference({ verticals = 1000, slashes = 6096 }: MInferenceOptions = {}): HeadPlan[] {
  return [lines({ rule: 'top-lines', verticals, slashes })];
}

/** A prefill plan that chooses lines, with what the authors force. */
export function lines(selector: Selector): HeadPlan {
  return {
    phase: 'prefill',
    branches: [
      { range: 'sink', tokens: 30 },
      { range: 'window', tokens: 100 },
      { range: 'middle', scorer: { phi: 'last-queries', channel: { kind: 'keys' } }, selector },
    ],
  };
}

export const minferenceCard: MethodCard = {
  id: 'minference',
  title: 'MInference: columns and diagonals',
  source: 'MInference (vertical-slash), arXiv:2407.02490, section 3.2',
  what: 'For each block of 128 queries, the keys and the distances that its last 64 queries look at most are looked at by all of them.',
  fails: 'Where heads have neither columns nor diagonals; what only early queries of a block need is not seen.',
  differs:
    'Chosen anew for each block of 128 queries, not once for a prompt, and rounded outwards to pages of 16. All heads have the same numbers: there is no offline search, and no other pattern.',
  policy: { name: 'minference', dense_below: 8192, plans: minference() },
};
