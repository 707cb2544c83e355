import type { ModelShape } from '../model-shape.js';
import type { HeadPlace } from './head-assignment.js';

/** Steps of a calibrated mass: heads of nearly equal mass are one kind of head. */
const STEPS = 100;

/** Mass that the artefact gives a head, rounded up so that nothing is lost; 1 where there is none. */
export function calibratedMassOf({ artefacts }: ModelShape, { layer, head }: HeadPlace): number {
  const mass = artefacts['xattention-thresholds']?.thresholds[layer]?.[head] ?? 1;
  return Math.min(1, Math.ceil(mass * STEPS) / STEPS);
}
