import { BLOCK_VALUES } from './block-format.js';

const LEVELS = 127;
const ZERO_POINT = 128;

/**
 * Quantises the 32 values from `from` to bytes 1..255 around 128, with the largest magnitude on level 127.
 *
 * @returns the scale; NaN or infinity when the block holds such a value. A block of zeros, or of values under 4e-6, has scale 0.
 */
export function quantiseBlockInt8(source: Float32Array, from: number, target: Uint8Array, to: number): number {
  let largest = 0;
  let sum = 0;
  for (let i = 0; i < BLOCK_VALUES; i++) {
    const value = source[from + i] as number;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > largest) largest = magnitude;
    sum += value;
  }
  // A NaN never wins a comparison; the sum keeps it.
  if (Number.isNaN(sum)) return Number.NaN;
  const scale = Math.f16round(largest / LEVELS);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < BLOCK_VALUES; i++) {
    // Positive after the shift, so truncation rounds. A scale that was rounded down puts the largest value above its level.
    const level = ((source[from + i] as number) * inverse + (ZERO_POINT + 0.5)) | 0;
    target[to + i] =
      level < ZERO_POINT - LEVELS ? ZERO_POINT - LEVELS : level > ZERO_POINT + LEVELS ? ZERO_POINT + LEVELS : level;
  }
  return scale;
}
