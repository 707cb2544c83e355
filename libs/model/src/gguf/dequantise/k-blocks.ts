import { half } from './simple-blocks.js';

const ELEMENTS = 256;

/**
 * Scale of sub-block `j` of eight: six bits each for scale and minimum, packed into twelve bytes.
 *
 * Bytes 0-3 hold scales 0-3, bytes 4-7 minimums 0-3; the upper two bits of those belong to sub-blocks 4-7, whose lower
 * four bits are in bytes 8-11.
 */
function scaleOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return (bytes[at + j] as number) & 63;
  return ((bytes[at + j + 4] as number) & 15) | (((bytes[at + j - 4] as number) >> 6) << 4);
}

/** Minimum of sub-block `j`, packed as `scaleOf` says. */
function minimumOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return (bytes[at + j + 4] as number) & 63;
  return ((bytes[at + j + 4] as number) >> 4) | (((bytes[at + j] as number) >> 6) << 4);
}

/** Eight sub-blocks of 32 four-bit values; a run of 32 bytes holds one sub-block low, the next one high. */
export function dequantiseQ4_K(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 144, to += ELEMENTS) {
    const d = half(bytes, at);
    const dMin = half(bytes, at + 2);
    for (let j = 0; j < 8; j++) {
      const scale = d * scaleOf(bytes, at + 4, j);
      const minimum = dMin * minimumOf(bytes, at + 4, j);
      const quants = at + 16 + (j >> 1) * 32;
      const shift = (j & 1) * 4;
      for (let l = 0; l < 32; l++) {
        out[to + j * 32 + l] = scale * (((bytes[quants + l] as number) >> shift) & 15) - minimum;
      }
    }
  }
}

/** As Q4_K with a fifth bit: bit `j` of byte `l` of the mask belongs to value `l` of sub-block `j`. */
export function dequantiseQ5_K(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; to < out.length; at += 176, to += ELEMENTS) {
    const d = half(bytes, at);
    const dMin = half(bytes, at + 2);
    for (let j = 0; j < 8; j++) {
      const scale = d * scaleOf(bytes, at + 4, j);
      const minimum = dMin * minimumOf(bytes, at + 4, j);
      const quants = at + 48 + (j >> 1) * 32;
      const shift = (j & 1) * 4;
      for (let l = 0; l < 32; l++) {
        const high = (((bytes[at + 16 + l] as number) >> j) & 1) << 4;
        out[to + j * 32 + l] = scale * ((((bytes[quants + l] as number) >> shift) & 15) | high) - minimum;
      }
    }
  }
}

/**
 * Sixteen sub-blocks of 16 six-bit values around 32, with signed 8-bit scales.
 *
 * A half of 128 values takes 64 bytes of low nibbles and 32 bytes of upper bits; run `r` of 32 values has its nibbles in
 * bytes `32 * (r & 1)` (low for runs 0 and 1, high for 2 and 3) and its upper bits at `2 * r`.
 */
export function dequantiseQ6_K(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0, to = 0; to < out.length; at += 210, to += ELEMENTS) {
    const d = half(bytes, at + 208);
    for (let run = 0; run < 8; run++) {
      const inHalf = run & 3;
      const low = at + (run >> 2) * 64 + (inHalf & 1) * 32;
      const high = at + 128 + (run >> 2) * 32;
      const lowShift = (inHalf >> 1) * 4;
      for (let l = 0; l < 32; l++) {
        const scale = d * (signed[at + 192 + run * 2 + (l >> 4)] as number);
        const upper = (((bytes[high + l] as number) >> (inHalf * 2)) & 3) << 4;
        out[to + run * 32 + l] = scale * (((((bytes[low + l] as number) >> lowShift) & 15) | upper) - 32);
      }
    }
  }
}
