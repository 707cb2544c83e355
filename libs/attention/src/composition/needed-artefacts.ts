import { selectionOf } from '../compile/head-plan.js';
import type { ArtefactKind } from '../compiled-policy.js';
import type { HeadPlan } from '../policy.js';
import { scorerFacts } from '../scorer-facts.js';

/** Artefacts without which a plan says nothing. */
export function neededArtefacts(plan: HeadPlan): readonly ArtefactKind[] {
  const { scorer, selector } = selectionOf(plan);
  const kinds: ArtefactKind[] = plan.gates === undefined ? [] : ['gates'];
  const ofScorer = scorer === undefined ? null : scorerFacts[scorer.phi].artefact;
  if (ofScorer !== null) kinds.push(ofScorer);
  if (selector.rule === 'top-cdf' && selector.mass === 'calibrated') kinds.push('xattention-thresholds');
  return kinds;
}
