import { coversLayer } from '../compile/head-assignment.js';
import { selectionOf } from '../compile/head-plan.js';
import { labelDims } from '../compile/labels.js';
import type { ArtefactKind } from '../compiled-policy.js';
import { scorerFacts } from '../scorer-facts.js';
import { selectionField } from './branch-rules.js';
import type { Fault, PlanInPlace } from './fault.js';

/** KV types that scorers read. */
const KV_TYPES: readonly string[] = ['bf16', 'f32', 'int8'];

/** What a plan asks of a model, or of its pool, that it does not have. */
export function* modelFaults(place: PlanInPlace): Generator<Fault> {
  yield* layerFaults(place);
  yield* headFaults(place);
  yield* poolFaults(place);
  yield* artefactFaults(place);
}

function* layerFaults({ plan, field, shape }: PlanInPlace): Generator<Fault> {
  for (const [i, { from = 0, to = shape.layers }] of (plan.layers ?? []).entries()) {
    const place = `${field}.layers[${i}]`;
    if (from < to && to <= shape.layers) continue;
    yield { field: place, message: `${place} is from ${from} to ${to}; the model has ${shape.layers} layers, from 0.` };
    return;
  }
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer).filter((layer) => coversLayer(plan, layer));
  if (layers.some((layer) => (shape.windows[layer] ?? 0) === 0)) return;
  const place = `${field}.layers`;
  yield { field: place, message: `${place}: each has a sliding window of its own, which stays as the model has it.` };
}

function* headFaults({ plan, field, shape }: PlanInPlace): Generator<Fault> {
  for (const [i, head] of (plan.kv_heads ?? []).entries()) {
    const place = `${field}.kv_heads[${i}]`;
    if (head >= shape.kvHeads) {
      yield { field: place, message: `${place} is ${head}; the model has KV heads 0 to ${shape.kvHeads - 1}.` };
    }
  }
}

function* poolFaults(place: PlanInPlace): Generator<Fault> {
  const { scorer } = selectionOf(place.plan);
  if (scorer === undefined) return;
  const field = `${selectionField(place)}.scorer.channel`;
  const { channel } = scorerFacts[scorer.phi];
  if (channel !== null && !place.shape.channels.includes(channel)) {
    yield { field, message: `${field} is ${channel}, which the KV pool of this server does not keep.` };
  }
  if (!KV_TYPES.includes(place.shape.kvDtype)) {
    yield { field, message: `${field}: no scorer reads KV of type ${place.shape.kvDtype}.` };
  }
  const dims = labelDims(place.plan);
  const kept = place.shape.artefacts['label-channels']?.channels[0]?.[0]?.length ?? place.shape.headDim;
  if (dims > kept) yield { field: `${field}.dims`, message: `${field}.dims is ${dims}; a head has ${kept} at most.` };
}

function* artefactFaults(place: PlanInPlace): Generator<Fault> {
  const { scorer, selector } = selectionOf(place.plan);
  const thresholds = place.shape.artefacts['xattention-thresholds'];
  if (selector.rule !== 'top-cdf' || selector.mass !== 'calibrated') return;
  const field = `${selectionField(place)}.selector.mass`;
  if (scorer?.phi !== 'antidiagonal-strip') {
    yield { field, message: `${field} is calibrated, which is for antidiagonal-strip.` };
  } else if (thresholds !== undefined && thresholds.stride !== scorer.stride) {
    const message = `${field} is calibrated for the stride ${thresholds.stride}; the scorer has ${scorer.stride}.`;
    yield { field, message };
  }
}

/** Why a plan cannot be computed without an artefact, and what makes one. */
export function missingArtefact(kind: ArtefactKind, { field, shape }: PlanInPlace): Fault {
  const needs = `${field} needs ${kind} of the model`;
  if (shape.withoutArtefacts !== undefined) return { field, message: `${needs}: ${shape.withoutArtefacts}.` };
  const made = `longhaul model calibrate ${shape.package ?? '<package>'}`;
  return { field, message: `${needs}, which its package lacks; make them with \`${made}\`.` };
}
