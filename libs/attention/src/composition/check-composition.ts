import { invalidArgument, type AppError } from '@longhaul/kernel';
import { HeadAssignment } from '../compile/head-assignment.js';
import { labelDims } from '../compile/labels.js';
import type { ArtefactKind } from '../compiled-policy.js';
import type { ModelShape } from '../model-shape.js';
import type { WrittenPolicy } from '../policy.js';
import { branchFaults } from './branch-rules.js';
import type { Fault, PlanInPlace } from './fault.js';
import { missingArtefact, modelFaults } from './model-rules.js';
import { neededArtefacts } from './needed-artefacts.js';
import { selectionFaults } from './selection-rules.js';

/**
 * Holds a policy against the rules of what may be combined, and against a model.
 *
 * @param field how errors call the policy.
 * @returns artefacts that the model lacks, where the policy says that this makes heads dense.
 * @throws AppError `INVALID_ARGUMENT` for the first rule that it breaks.
 */
export function checkComposition(field: string, policy: WrittenPolicy, shape: ModelShape): readonly ArtefactKind[] {
  for (const fault of compositionFaults(field, policy, shape)) throw faultError(fault);
  return [...new Set(policy.plans.flatMap(neededArtefacts))].filter((kind) => shape.artefacts[kind] === undefined);
}

/** Every rule that a policy breaks, in the order of its plans. Rules of §18.4 of the study of methods. */
export function* compositionFaults(field: string, policy: WrittenPolicy, shape: ModelShape): Generator<Fault> {
  for (const [i, plan] of policy.plans.entries())
    yield* planFaults({ plan, field: `${field}.plans[${i}]`, shape }, policy);
  yield* labelFaults(field, policy);
  yield* overlapFaults(field, policy, shape);
}

function* planFaults(place: PlanInPlace, { on_missing_artefact: missing = 'refuse' }: WrittenPolicy): Generator<Fault> {
  const branches = [...branchFaults(place)];
  yield* branches;
  // What a plan chooses can only be said where it is clear which branch does.
  if (branches.length > 0) return;
  yield* selectionFaults(place);
  yield* modelFaults(place);
  if (missing === 'dense') return;
  for (const kind of neededArtefacts(place.plan)) {
    if (place.shape.artefacts[kind] === undefined) yield missingArtefact(kind, place);
  }
}

/** Labels are chosen once for a model. */
function* labelFaults(field: string, { plans }: WrittenPolicy): Generator<Fault> {
  const [first = 0, ...others] = plans.map(labelDims).filter((dims) => dims > 0);
  const other = others.find((dims) => dims !== first);
  if (other === undefined) return;
  const place = `${field}.plans`;
  yield { field: place, message: `${place} have labels of ${first} and of ${other} dims; all plans have the same.` };
}

function* overlapFaults(field: string, { plans }: WrittenPolicy, shape: ModelShape): Generator<Fault> {
  const { overlap } = new HeadAssignment(plans, shape);
  if (overlap === null) return;
  const { first, second, place } = overlap;
  const at = `${field}.plans[${second}]`;
  const which = `layer ${place.layer}, KV head ${place.head} in ${place.phase}`;
  yield { field: at, message: `${at} and plans[${first}] are both for ${which}: a head has one plan.` };
}

function faultError({ field, message }: Fault): AppError {
  return invalidArgument(field, message);
}
