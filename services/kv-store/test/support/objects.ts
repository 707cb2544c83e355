import { createHash } from 'node:crypto';

/** Numbers in [0, 1) that a seed decides. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function keyOf(n: number): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(`key ${String(n)}`)
      .digest(),
  );
}

/** The object of a key: its bytes follow from the number. */
export function objectOf(n: number, maxBytes = 9000): Uint8Array {
  const random = seeded(n + 1);
  const bytes = new Uint8Array(1 + Math.floor(random() * maxBytes));
  let state = n + 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
