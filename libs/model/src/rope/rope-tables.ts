import type { RopeClass, RopeScaling } from '../manifest.js';

/** What one sequence is rotated with. */
export interface RopeTables {
  /** [dim / 2] radians per position; computed in f64. */
  invFreq: Float32Array;
  /** Multiplies cos and sin, so scores grow by its square. */
  scale: number;
}

type Scaling<K extends RopeScaling['kind']> = Extract<RopeScaling, { kind: K }>;

function basicFrequencies(theta: number, dim: number): Float64Array {
  return Float64Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim));
}

/** Raises the base so that the slowest pair spans `lengthTokens` (dynamic NTK). */
function dynamicTheta(rope: RopeClass, scaling: Scaling<'dynamic'>, lengthTokens: number): number {
  if (lengthTokens <= scaling.originalContext) return rope.theta;
  const stretch = (scaling.factor * lengthTokens) / scaling.originalContext - (scaling.factor - 1);
  return rope.theta * stretch ** (rope.dim / (rope.dim - 2));
}

/** Index (not rounded) of the pair that turns `rotations` times over the original context. */
function pairOfRotations(rope: RopeClass, originalContext: number, rotations: number): number {
  return (rope.dim * Math.log(originalContext / (2 * Math.PI * rotations))) / (2 * Math.log(rope.theta));
}

/** Keeps fast pairs, interpolates slow ones, and ramps in between (YaRN). */
function yarnFrequencies(rope: RopeClass, scaling: Scaling<'yarn'>): Float64Array {
  const first = pairOfRotations(rope, scaling.originalContext, scaling.betaFast);
  const last = pairOfRotations(rope, scaling.originalContext, scaling.betaSlow);
  const low = Math.max(0, scaling.truncate ? Math.floor(first) : first);
  const end = Math.min(rope.dim - 1, scaling.truncate ? Math.ceil(last) : last);
  const high = end === low ? end + 0.001 : end;
  return basicFrequencies(rope.theta, rope.dim).map((frequency, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return frequency * (1 - ramp) + (frequency / scaling.factor) * ramp;
  });
}

/** Keeps short wavelengths, divides long ones, and blends in between (Llama 3). */
function llama3Frequencies(rope: RopeClass, scaling: Scaling<'llama3'>): Float64Array {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  return basicFrequencies(rope.theta, rope.dim).map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > originalContext / lowFreqFactor) return frequency / factor;
    if (wavelength < originalContext / highFreqFactor) return frequency;
    const smooth = (originalContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

function frequencies(rope: RopeClass, lengthTokens: number): Float64Array {
  const { theta, dim, scaling } = rope;
  switch (scaling.kind) {
    case 'default':
      return basicFrequencies(theta, dim);
    case 'linear':
      return basicFrequencies(theta, dim).map((frequency) => frequency / scaling.factor);
    case 'dynamic':
      return basicFrequencies(dynamicTheta(rope, scaling, lengthTokens), dim);
    case 'yarn':
      return yarnFrequencies(rope, scaling);
    case 'llama3':
      return llama3Frequencies(rope, scaling);
    case 'longrope': {
      const factors = lengthTokens > scaling.originalContext ? scaling.longFactor : scaling.shortFactor;
      return basicFrequencies(theta, dim).map((frequency, i) => frequency / (factors[i] ?? 1));
    }
  }
}

/**
 * Inverse frequencies and magnitude of one rope class for one sequence.
 *
 * @param lengthTokens tokens of the text, the one that is computed next included. Only `dynamic` and `longrope` depend on
 * it; their cached keys may be shared only between sequences with equal tables.
 */
export function ropeTables(rope: RopeClass, lengthTokens: number): RopeTables {
  const { scaling } = rope;
  const scale = scaling.kind === 'yarn' || scaling.kind === 'longrope' ? scaling.attentionFactor : 1;
  return { invFreq: Float32Array.from(frequencies(rope, lengthTokens)), scale };
}
