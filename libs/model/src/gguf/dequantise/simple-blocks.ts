import { halfTable } from '../../checkpoint/half-float.js';

const ELEMENTS = 32;
const HALF = 16;

/** Little-endian u16 at `at`. */
function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

/** f16 at `at` as a number. */
export function half(bytes: Uint8Array, at: number): number {
  return halfTable()[u16(bytes, at)] as number;
}

/** 32 signed bytes and one f16 scale: `d * q`. */
export function dequantiseQ8_0(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0, to = 0; to < out.length; at += 34, to += ELEMENTS) {
    const d = half(bytes, at);
    for (let j = 0; j < ELEMENTS; j++) out[to + j] = d * (signed[at + 2 + j] as number);
  }
}

/** 4-bit values around 8: `d * (q - 8)`. Low nibbles are the first half of a block, high nibbles the second. */
export function dequantiseQ4_0(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 18, to += ELEMENTS) {
    const d = half(bytes, at);
    for (let j = 0; j < HALF; j++) {
      const q = bytes[at + 2 + j] as number;
      out[to + j] = d * ((q & 15) - 8);
      out[to + HALF + j] = d * ((q >> 4) - 8);
    }
  }
}

/** 4-bit values with a minimum: `d * q + m`. */
export function dequantiseQ4_1(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 20, to += ELEMENTS) {
    const d = half(bytes, at);
    const m = half(bytes, at + 2);
    for (let j = 0; j < HALF; j++) {
      const q = bytes[at + 4 + j] as number;
      out[to + j] = d * (q & 15) + m;
      out[to + HALF + j] = d * (q >> 4) + m;
    }
  }
}

/** 5-bit values around 16: four bits as Q4_0, the fifth in a 32-bit mask. */
export function dequantiseQ5_0(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 22, to += ELEMENTS) {
    const d = half(bytes, at);
    const high = u16(bytes, at + 2) | (u16(bytes, at + 4) << 16);
    for (let j = 0; j < HALF; j++) {
      const q = bytes[at + 6 + j] as number;
      out[to + j] = d * (((q & 15) | (((high >>> j) & 1) << 4)) - 16);
      out[to + HALF + j] = d * (((q >> 4) | (((high >>> (j + HALF)) & 1) << 4)) - 16);
    }
  }
}

/** 5-bit values with a minimum. */
export function dequantiseQ5_1(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 24, to += ELEMENTS) {
    const d = half(bytes, at);
    const m = half(bytes, at + 2);
    const high = u16(bytes, at + 4) | (u16(bytes, at + 6) << 16);
    for (let j = 0; j < HALF; j++) {
      const q = bytes[at + 8 + j] as number;
      out[to + j] = d * ((q & 15) | (((high >>> j) & 1) << 4)) + m;
      out[to + HALF + j] = d * ((q >> 4) | (((high >>> (j + HALF)) & 1) << 4)) + m;
    }
  }
}
