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
 * @param key 64 bits; the low half is the first key word.
 */
export function philox4x32(counter: Words, key: bigint): Words {
  let [c0, c1, c2, c3] = counter;
  let k0 = Number(BigInt.asUintN(32, key));
  let k1 = Number(BigInt.asUintN(32, key >> 32n));
  for (let round = 0; round < ROUNDS; round++) {
    const counter0 = c0;
    const low0 = Math.imul(M0, c0) >>> 0;
    const low1 = Math.imul(M1, c2) >>> 0;
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
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  // Stays under 2^49: exact in a double.
  const carried = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carried / 0x10000)) >>> 0;
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
  const words = philox4x32([token >>> 2, key.position >>> 0, key.stream >>> 0, 0], BigInt.asUintN(64, key.seed));
  const word = words[token & 3] ?? 0;
  return -Math.log(-Math.log((word + 0.5) * 2 ** -32));
}
