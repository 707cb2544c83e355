import { copyDistances, periodOf, TRIED_MASSES } from '@longhaul/attention';
import type { AttentionProbeOptions } from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';
import type { CalibrationOptions } from './calibration-options.js';

/** Samples of random tokens that are repeated, and of texts. */
export const SAMPLE_KINDS = ['copies', 'text'] as const;
export type SampleKind = (typeof SAMPLE_KINDS)[number];

/** What is measured, in this order: samples of a kind one after the other. */
export interface SamplePlan {
  readonly kind: SampleKind;
  readonly samples: number;
  /** Of each. */
  readonly tokens: number;
  readonly probe: AttentionProbeOptions;
}

/** One plan for each kind of sample that the methods need. */
export function samplePlans(options: CalibrationOptions, { shape }: Pick<ModelManifest, 'shape'>): SamplePlan[] {
  const { layers, heads, kvHeads, headDim } = shape;
  const nothing: AttentionProbeOptions = {
    ...{ layers, heads, kvHeads, headDim, distances: new Int32Array(), fromPosition: 0 },
    ...{ products: false, means: false, stride: 0, masses: new Float32Array() },
  };
  const { samples } = options;
  const plans: SamplePlan[] = [];
  const byCopies = options.methods.includes('heads') && options.gates === 'copies';
  if (byCopies) plans.push({ kind: 'copies', samples, ...copiesOf(options.tokens, nothing) });
  const probe = textProbe(options, nothing);
  if (probe.products || probe.means || probe.stride > 0)
    plans.push({ kind: 'text', samples, tokens: options.tokens, probe });
  return plans;
}

function copiesOf(tokens: number, nothing: AttentionProbeOptions): Pick<SamplePlan, 'tokens' | 'probe'> {
  const period = periodOf(tokens);
  const { echo, induction } = copyDistances(period);
  const distances = Int32Array.from([...echo, ...induction]);
  // Whoever is in the first copy has nothing to look back to.
  return { tokens: period * (echo.length + 1), probe: { ...nothing, distances, fromPosition: period } };
}

function textProbe(
  { methods, gates, stride }: CalibrationOptions,
  nothing: AttentionProbeOptions,
): AttentionProbeOptions {
  const blocks = methods.includes('thresholds') ? { stride, masses: Float32Array.from(TRIED_MASSES) } : {};
  const means = methods.includes('heads') && gates === 'early-mass';
  return { ...nothing, products: methods.includes('labels'), means, ...blocks };
}
