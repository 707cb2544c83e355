import type { StoredType } from '../../checkpoint/checkpoint.js';
import { decodeFloats } from '../../checkpoint/decode-floats.js';
import { dequantiseQ4_K, dequantiseQ5_K, dequantiseQ6_K } from './k-blocks.js';
import { dequantiseQ4_0, dequantiseQ4_1, dequantiseQ5_0, dequantiseQ5_1, dequantiseQ8_0 } from './simple-blocks.js';

type Dequantiser = (bytes: Uint8Array, out: Float32Array) => void;

const DEQUANTISERS: Readonly<Record<StoredType, Dequantiser>> = {
  F32: (bytes, out) => decodeFloats('F32', bytes, out),
  F16: (bytes, out) => decodeFloats('F16', bytes, out),
  BF16: (bytes, out) => decodeFloats('BF16', bytes, out),
  Q8_0: dequantiseQ8_0,
  Q4_0: dequantiseQ4_0,
  Q4_1: dequantiseQ4_1,
  Q5_0: dequantiseQ5_0,
  Q5_1: dequantiseQ5_1,
  Q4_K: dequantiseQ4_K,
  Q5_K: dequantiseQ5_K,
  Q6_K: dequantiseQ6_K,
};

/**
 * Turns whole blocks of ggml's element types into f32, each value rounded once.
 *
 * @param bytes the blocks, at the start of their buffer.
 * @param out a whole number of blocks long.
 */
export function dequantise(dtype: StoredType, bytes: Uint8Array, out: Float32Array): void {
  DEQUANTISERS[dtype](bytes, out);
}
