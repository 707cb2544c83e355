import { AppError } from '@longhaul/kernel';
import type { ArtefactKind, CompiledPolicy, NativeHeadPlan } from '../compiled-policy.js';
import { checkComposition } from '../composition/check-composition.js';
import { neededArtefacts } from '../composition/needed-artefacts.js';
import { allowsDrafts } from '../drafts.js';
import type { ModelShape } from '../model-shape.js';
import type { HeadPlan, Phase, PolicySpec, WrittenPolicy } from '../policy.js';
import { isPreset, writtenPreset } from '../presets.js';
import { calibratedMassOf } from './calibrated-mass.js';
import { HeadAssignment } from './head-assignment.js';
import { DENSE_HEAD, nativeHeadPlan } from './head-plan.js';
import { labelsOf } from './labels.js';
import { alignmentOf, exactBelow, halfNumerics, isDense, type PhaseHalf } from './phase-half.js';
import { numericsOf } from './numerics.js';
import { PlanTable } from './plan-table.js';

/**
 * Makes a policy for a model.
 *
 * @returns plain numbers per phase, layer and KV head. Equal policies give equal ones, however they are written.
 * @throws AppError `INVALID_ARGUMENT` naming the field, beginning with `attention`, where parts of the policy do not go
 * together or the model does not have what it needs.
 * @remarks O(plans * layers * kvHeads). Needs a value that `parsePolicy` has taken.
 */
export function compilePolicy(spec: PolicySpec, shape: ModelShape): CompiledPolicy {
  if (!isPreset(spec)) return compileWritten(spec, shape);
  try {
    return { ...compileWritten(writtenPreset(spec, shape), shape), label: spec.preset };
  } catch (error) {
    // The caller wrote none of the fields of a preset's plans.
    const { code, reason, message } = AppError.from(error);
    const why = message.startsWith(`${FIELD}.`) ? message.slice(FIELD.length + 1) : message;
    throw new AppError({ code, reason, message: `The policy ${spec.preset}: ${why}`, field: FIELD });
  }
}

const FIELD = 'attention';

function compileWritten(policy: WrittenPolicy, shape: ModelShape): CompiledPolicy {
  const missing = checkComposition(FIELD, policy, shape);
  const plans = policy.plans.filter((plan) => !neededArtefacts(plan).some((kind) => missing.includes(kind)));
  const table = headTable({ ...policy, plans }, shape);
  const skipSoftmax = policy.skip_softmax ?? 0;
  const half = (phase: Phase): PhaseHalf => {
    const mine = plans.filter((plan) => plan.phase === phase);
    return { heads: table.half(phase), skipSoftmax, digests: digestsOf(mine, shape), labels: labelsOf(mine, shape) };
  };
  const [prefill, decode] = [half('prefill'), half('decode')];
  return {
    name: policy.name ?? 'custom',
    label: 'custom',
    alignment: alignmentOf(prefill),
    exactBelow: exactBelow(prefill),
    decodeDense: isDense(decode),
    prefillNumerics: isDense(prefill) ? '' : numericsOf(halfNumerics(prefill)),
    numericsId: isDense(prefill) && isDense(decode) ? '' : numericsOf([prefill, decode].map(halfNumerics)),
    quality: isDense(prefill) && isDense(decode) ? 'exact' : 'sparse',
    kvQuality: isDense(prefill) ? 'exact' : 'sparse',
    drafts: allowsDrafts({ ...policy, plans }),
    skipSoftmax,
    plans: table.plans,
    table: table.bytes(),
    labels: labelsOf(plans, shape),
    audit: { leastRecall: policy.audit?.least_recall ?? null },
    missing,
  };
}

function headTable(policy: WrittenPolicy, shape: ModelShape): PlanTable {
  const table = new PlanTable(FIELD);
  const made = new Map<string, NativeHeadPlan>();
  for (const place of new HeadAssignment(policy.plans, shape).places()) {
    const plan = place.plan === null ? undefined : policy.plans[place.plan];
    if (plan === undefined) table.push(place.phase, DENSE_HEAD);
    else {
      const calibratedMass = isCalibrated(plan) ? calibratedMassOf(shape, place) : 1;
      const key = `${place.plan}/${calibratedMass}`;
      const denseBelow = plan.dense_below ?? policy.dense_below ?? 0;
      const head = made.get(key) ?? nativeHeadPlan(plan, { denseBelow, calibratedMass });
      made.set(key, head);
      table.push(place.phase, head);
    }
  }
  return table;
}

function isCalibrated(plan: HeadPlan): boolean {
  return neededArtefacts(plan).includes('xattention-thresholds');
}

function digestsOf(plans: readonly HeadPlan[], shape: ModelShape): readonly string[] {
  const kinds = new Set<ArtefactKind>(plans.flatMap(neededArtefacts));
  return [...kinds].map((kind) => shape.artefacts[kind]?.digest ?? '').sort();
}
