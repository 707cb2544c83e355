import type { ArtefactKind, NativeHeadPlan } from './compiled-policy.js';
import type { KvMetadataChannel } from './model-shape.js';
import { phases, type Phase, type Phi, type SelectorRule, type UnitSpec } from './policy.js';

/** What a scorer is, beside its parameters: what it can be combined with follows from this. */
export interface ScorerFacts {
  readonly native: NativeHeadPlan['scorer'];
  /** `bound`: no probability, whatever is done to it. `logit`: one under the reduce `vote`. `mass`: shares of a whole. */
  readonly score: 'bound' | 'logit' | 'mass';
  /** Phases it scores in: a prefill query block as a whole, or single decode rows. */
  readonly phases: readonly Phase[];
  readonly unit: UnitSpec['kind'];
  /** Tokens of its units; the first is taken where none is said. Absent: any that a unit can have. */
  readonly unitTokens: readonly number[] | null;
  readonly rules: readonly SelectorRule[];
  /** What the pool has to keep. */
  readonly channel: KvMetadataChannel | null;
  readonly artefact: ArtefactKind | null;
}

export const scorerFacts: Readonly<Record<Phi, ScorerFacts>> = {
  'relu-split': {
    ...{ native: 'key-bounds', score: 'bound', phases, unit: 'page', unitTokens: null },
    ...{ rules: ['top-k'], channel: 'key-bounds', artefact: null },
  },
  'antidiagonal-strip': {
    ...{ native: 'antidiagonal', score: 'mass', phases: ['prefill'], unit: 'page', unitTokens: [128] },
    ...{ rules: ['top-cdf', 'top-k'], channel: null, artefact: null },
  },
  'last-queries': {
    ...{ native: 'vertical-slash', score: 'mass', phases: ['prefill'], unit: 'page', unitTokens: [16] },
    ...{ rules: ['top-cdf', 'top-lines'], channel: null, artefact: null },
  },
  identity: {
    ...{ native: 'keys', score: 'logit', phases, unit: 'token', unitTokens: [1] },
    ...{ rules: ['top-k', 'top-cdf'], channel: null, artefact: null },
  },
  'channel-subset': {
    ...{ native: 'labels', score: 'logit', phases, unit: 'token', unitTokens: [1] },
    ...{ rules: ['top-k', 'top-cdf'], channel: null, artefact: 'label-channels' },
  },
};
