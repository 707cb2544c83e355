import { placeKey, type OutcomePlace } from '../run/outcome.js';
import type { Likeness } from './compare-rows.js';

/** One sample read under a policy and compared with dense, as the journal keeps it. */
export interface Comparison extends OutcomePlace {
  /** How many positions were asked for: comparisons over others are none. */
  readonly asked: number;
  /** Positions at the end of the prompt, the last one included: it decides the first token of the answer. */
  readonly prompt: Likeness;
  /** Positions behind it, over dense's own answer. */
  readonly answer: Likeness;
}

/** What tells one comparison from another in a journal. */
export type ComparisonPlace = OutcomePlace & Pick<Comparison, 'asked'>;

export function comparisonKey(place: ComparisonPlace): string {
  return `${place.asked} ${placeKey(place)}`;
}
