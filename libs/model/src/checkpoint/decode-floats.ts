import { halfTable } from './half-float.js';

/** Unpacked element types; the rest of a checkpoint's types come in blocks. */
export type FloatType = 'F32' | 'F16' | 'BF16';

/** Bytes of one element. */
export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 };

/**
 * Widens little-endian floats to f32, exactly.
 *
 * @param bytes starts on a multiple of its element size within its buffer and holds at least `out.length` elements.
 */
export function decodeFloats(type: FloatType, bytes: Uint8Array, out: Float32Array): void {
  switch (type) {
    case 'F32':
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes.subarray(0, out.byteLength));
      return;
    case 'F16':
      return decodeHalf(bytes, out);
    case 'BF16':
      return decodeBrain(bytes, out);
  }
}

function decodeHalf(bytes: Uint8Array, out: Float32Array): void {
  const values = halfTable();
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, out.length);
  for (let i = 0; i < out.length; i++) out[i] = values[bits[i] as number] as number;
}

function decodeBrain(bytes: Uint8Array, out: Float32Array): void {
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, out.length);
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < out.length; i++) words[i] = (bits[i] as number) << 16;
}
