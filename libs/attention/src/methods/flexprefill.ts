import type { HeadPlan } from '../policy.js';
import type { MethodCard } from './method-card.js';
import { lines } from './minference.js';

export interface FlexPrefillOptions {
  /** Share of the mass that columns, and that diagonals, reach. */
  readonly mass?: number;
  /** Units of 16 tokens that are looked at beside sink and window, at least. */
  readonly minUnits?: number;
}

/**
 * Columns and diagonals as MInference has them, as many as reach a share of the mass (FlexPrefill, arXiv:2502.20766,
 * section 3). Prefill.
 */
export function flexprefill({ mass = 0.95, minUnits = 64 }: FlexPrefillOptions = {}): HeadPlan[] {
  return [lines({ rule: 'top-cdf', mass, min_units: minUnits })];
}

export const flexprefillCard: MethodCard = {
  id: 'flexprefill',
  title: 'FlexPrefill: columns and diagonals by mass',
  source: 'FlexPrefill, arXiv:2502.20766, section 3',
  what: 'As MInference, but each block and head takes as many columns and diagonals as reach 95 % of the mass of its last queries.',
  fails: 'As MInference. Heads with spread attention take nearly everything and cost more than dense.',
  differs: 'There is no second pattern for heads without columns and diagonals, and so no test which one it is.',
  policy: { name: 'flexprefill', dense_below: 8192, plans: flexprefill() },
};
