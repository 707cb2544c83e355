import { BLOCK_VALUES } from './block-format.js';

const ZERO_POINT = 8;
/** Level of the value with the largest magnitude, tried around -8 (the side with one more level). */
const CANDIDATES = [-7, -7.3, -7.6, -7.9, -8.2, -8.5, -8.8, -9.2] as const;

const best = new Uint8Array(BLOCK_VALUES);
const trial = new Uint8Array(BLOCK_VALUES);

/** Value with the largest magnitude, with its sign; NaN when the block holds one. */
function extreme(source: Float32Array, from: number): number {
  let value = 0;
  let largest = 0;
  let sum = 0;
  for (let i = 0; i < BLOCK_VALUES; i++) {
    const candidate = source[from + i] as number;
    const magnitude = candidate < 0 ? -candidate : candidate;
    if (magnitude > largest) {
      largest = magnitude;
      value = candidate;
    }
    sum += candidate;
  }
  return Number.isNaN(sum) ? Number.NaN : value;
}

/**
 * Quantises the 32 values from `from` to nibbles 0..15 around 8. For each candidate of the extreme value's level the
 * values are rounded and the scale fitted by least squares; the candidate with the least squared error wins.
 *
 * @returns the scale (negative where the extreme value is positive); NaN or infinity when the block holds such a value.
 */
export function quantiseBlockInt4(source: Float32Array, from: number, target: Uint8Array, to: number): number {
  const peak = extreme(source, from);
  if (!Number.isFinite(peak)) return peak;
  best.fill(ZERO_POINT);
  let bestGain = 0;
  let bestScale = 0;
  for (const level of peak === 0 ? [] : CANDIDATES) {
    const inverse = level / peak;
    let cross = 0;
    let square = 0;
    for (let i = 0; i < BLOCK_VALUES; i++) {
      const value = source[from + i] as number;
      let byte = (value * inverse + (2 * ZERO_POINT + 0.5)) | 0;
      byte = byte < ZERO_POINT ? 0 : byte > 3 * ZERO_POINT - 1 ? 15 : byte - ZERO_POINT;
      trial[i] = byte;
      cross += value * (byte - ZERO_POINT);
      square += (byte - ZERO_POINT) * (byte - ZERO_POINT);
    }
    // The squared error after the fit is sum(x^2) - cross^2 / square.
    const gain = square === 0 ? 0 : (cross * cross) / square;
    if (gain > bestGain) {
      bestGain = gain;
      bestScale = cross / square;
      best.set(trial);
    }
  }
  for (let i = 0; i < BLOCK_VALUES / 2; i++) {
    target[to + i] = (best[2 * i] as number) | ((best[2 * i + 1] as number) << 4);
  }
  return Math.fround(bestScale);
}
