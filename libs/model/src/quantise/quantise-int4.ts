import { BLOCK_VALUES } from './block-format.js';

const ZERO_POINT = 8;
/** Shifts a quotient so that truncation towards zero rounds it: |quotient| <= 9. */
const SHIFT = 16.5;
/** Level that the value with the largest magnitude is put on, around -8 (the side with one more level). */
const CANDIDATES = [-7, -7.4, -7.8, -8.3, -8.9] as const;

const values = new Float64Array(BLOCK_VALUES);

/** Loads a block and returns its value of largest magnitude, with its sign; NaN when the block holds one. */
function loadBlock(source: Float32Array, from: number): number {
  let peak = 0;
  let largest = 0;
  let sum = 0;
  for (let i = 0; i < BLOCK_VALUES; i++) {
    const value = source[from + i] as number;
    values[i] = value;
    const magnitude = Math.abs(value);
    if (magnitude > largest) {
      largest = magnitude;
      peak = value;
    }
    sum += value;
  }
  return Number.isNaN(sum) ? Number.NaN : peak;
}

/** The level -8..7 nearest to a quotient within +-9. */
function levelOf(quotient: number): number {
  const level = ((quotient + SHIFT) | 0) - 16;
  return level < -8 ? -8 : level > 7 ? 7 : level;
}

/**
 * Quantises the 32 values from `from` to nibbles 0..15 around 8. For each candidate of the peak's level the values are
 * rounded and the scale is fitted by least squares; the candidate with the least squared error wins.
 *
 * @returns the scale (negative where the peak is positive); NaN or infinity when the block holds such a value.
 */
export function quantiseBlockInt4(source: Float32Array, from: number, target: Uint8Array, to: number): number {
  const peak = loadBlock(source, from);
  if (!Number.isFinite(peak)) return peak;
  let bestGain = 0;
  let bestInverse = 0;
  let bestScale = 0;
  for (let candidate = 0; peak !== 0 && candidate < CANDIDATES.length; candidate++) {
    const inverse = (CANDIDATES[candidate] as number) / peak;
    let cross = 0;
    let square = 0;
    for (let i = 0; i < BLOCK_VALUES; i++) {
      const value = values[i] as number;
      const level = levelOf(value * inverse);
      cross += value * level;
      square += level * level;
    }
    // The squared error after the fit is sum(x^2) - cross^2 / square; the peak's level makes square positive.
    const gain = (cross * cross) / square;
    if (gain > bestGain) {
      bestGain = gain;
      bestInverse = inverse;
      bestScale = cross / square;
    }
  }
  for (let i = 0; i < BLOCK_VALUES; i += 2) {
    const low = levelOf((values[i] as number) * bestInverse) + ZERO_POINT;
    const high = levelOf((values[i + 1] as number) * bestInverse) + ZERO_POINT;
    target[to + (i >> 1)] = low | (high << 4);
  }
  return Math.f16round(bestScale);
}
