import { AppError } from '@longhaul/kernel';
import type { ArtefactKind, CompiledPolicy, NativeHeadPlan } from '../compiled-policy.js';
import { checkComposition } from '../composition/check-composition.js';
import { neededArtefacts } from '../composition/needed-artefacts.js';
import { allowsDrafts } from '../drafts.js';
import type { ModelShape } from '../model-shape.js';
import { phases, type HeadPlan, type Phase, type PolicySpec, type WrittenPolicy } from '../policy.js';
import { isPreset, writtenPreset } from '../presets.js';
import { calibratedMassOf } from './calibrated-mass.js';
import { denserNumbers, type PolicyNumbers } from './denser.js';
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
  if (!isPreset(spec)) return compileWritten(spec, shape, 'custom');
  try {
    return compileWritten(writtenPreset(spec, shape), shape, spec.preset);
  } catch (error) {
    // The caller wrote none of the fields of a preset's plans.
    const { code, reason, message } = AppError.from(error);
    const why = message.startsWith(`${FIELD}.`) ? message.slice(FIELD.length + 1) : message;
    throw new AppError({ code, reason, message: `The policy ${spec.preset}: ${why}`, field: FIELD });
  }
}

const FIELD = 'attention';

/** What of a compiled policy does not say how much is looked at: the same of its denser one. */
interface Frame extends Pick<CompiledPolicy, 'name' | 'label' | 'drafts' | 'table' | 'labels' | 'audit' | 'missing'> {
  readonly halves: Readonly<Record<Phase, Pick<PhaseHalf, 'digests' | 'labels'>>>;
}

function compileWritten(policy: WrittenPolicy, shape: ModelShape, label: CompiledPolicy['label']): CompiledPolicy {
  const missing = checkComposition(FIELD, policy, shape);
  const plans = policy.plans.filter((plan) => !neededArtefacts(plan).some((kind) => missing.includes(kind)));
  const table = headTable({ ...policy, plans }, shape);
  const half = (phase: Phase) => {
    const mine = plans.filter((plan) => plan.phase === phase);
    return { digests: digestsOf(mine, shape), labels: labelsOf(mine, shape) };
  };
  const frame: Frame = {
    ...{ name: policy.name ?? 'custom', label, missing },
    drafts: allowsDrafts({ ...policy, plans }),
    table: table.bytes(),
    labels: labelsOf(plans, shape),
    audit: { leastRecall: policy.audit?.least_recall ?? null, mostKl: policy.audit?.most_kl ?? null },
    halves: { prefill: half('prefill'), decode: half('decode') },
  };
  return withDenser({ plans: table.plans, skipSoftmax: policy.skip_softmax ?? 0 }, frame);
}

function withDenser(numbers: PolicyNumbers, frame: Frame): CompiledPolicy {
  const policy = assemble(numbers, frame);
  return policy.decodeDense ? policy : { ...policy, denser: assemble(denserNumbers(numbers), frame) };
}

function assemble(numbers: PolicyNumbers, { halves, ...frame }: Frame): CompiledPolicy {
  const heads = headsOf(numbers.plans, frame.table);
  const { skipSoftmax } = numbers;
  const prefill: PhaseHalf = { heads: heads('prefill'), skipSoftmax, ...halves.prefill };
  const decode: PhaseHalf = { heads: heads('decode'), skipSoftmax, ...halves.decode };
  const [densePrefill, decodeDense] = [isDense(prefill), isDense(decode)];
  const dense = densePrefill && decodeDense;
  return {
    ...frame,
    ...numbers,
    alignment: alignmentOf(prefill),
    exactBelow: exactBelow(prefill),
    decodeDense,
    prefillNumerics: densePrefill ? '' : numericsOf(halfNumerics(prefill)),
    numericsId: dense ? '' : numericsOf([prefill, decode].map(halfNumerics)),
    quality: dense ? 'exact' : 'sparse',
    kvQuality: densePrefill ? 'exact' : 'sparse',
    denser: null,
  };
}

/** The plan of every head of a phase: [layers * kvHeads]. */
function headsOf(plans: CompiledPolicy['plans'], table: Uint8Array): (phase: Phase) => PhaseHalf['heads'] {
  const half = table.length / phases.length;
  const from = (phase: Phase) => phases.indexOf(phase) * half;
  return (phase) =>
    Array.from(table.subarray(from(phase), from(phase) + half), (index) => plans[index] as NativeHeadPlan);
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
