const { imul, log } = Math;
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** Four unsigned 32-bit words. */
export type Words = readonly [number, number, number, number];

/**
 * Philox4x32-10, a counter-based generator (Salmon et al., 2011): a pure function, so noise can be keyed by where it
 * is used and does not depend on what was drawn before.
 *
 * @param key its low 64 bits count; the lower half of them is the first key word.
 */
export function philox4x32(counter: Words, key: bigint): Words {
  let [c0, c1, c2, c3] = counter;
  let k0 = Number(key & 0xffffffffn);
  let k1 = Number((key >> 32n) & 0xffffffffn);
  for (let round = 0; round < ROUNDS; round++) {
    const counter0 = c0;
    const low0 = imul(M0, c0) >>> 0;
    const low1 = imul(M1, c2) >>> 0;
    c0 = (highProduct(M1, c2) ^ c1 ^ k0) >>> 0;
    c2 = (highProduct(M0, counter0) ^ c3 ^ k1) >>> 0;
    c1 = low1;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // No sum exceeds 32 bits: (2^16 - 1)^2 + 2 * (2^16 - 1) = 2^32 - 1.
  const middle = imul(aHigh, bLow) + (imul(aLow, bLow) >>> 16);
  const carried = imul(aLow, bHigh) + (middle & 0xffff);
  return (imul(aHigh, bHigh) + (middle >>> 16) + (carried >>> 16)) >>> 0;
}

/** Where a noise value is used. Equal keys give equal noise on every machine. */
export interface NoiseKey {
  seed: bigint;
  /** Choice index. */
  stream: number;
  /** Number of tokens before the one to be drawn. */
  position: number;
}

/** Standard Gumbel noise of one token: -log(-log u) with u = (word + 1/2) / 2^32. */
export function gumbelNoise(key: NoiseKey, token: number): number {
  const words = philox4x32([token >>> 2, key.position >>> 0, key.stream >>> 0, 0], key.seed);
  const word = words[token & 3] ?? 0;
  return -log(-log((word + 0.5) * 2 ** -32));
}
