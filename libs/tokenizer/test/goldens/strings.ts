// Taken out once: looking up a global for every byte is slow inside Jest.
const { imul } = Math;

/** mulberry32: a 32-bit generator small enough to be the same in Python and here. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** Uniform in [0, n), but for a negligible bias. */
  below(n: number): number {
    return this.next() % n;
  }
}

function codePoint(random: Random): string {
  const value = random.below(2) === 1 ? random.below(0x3000) : random.below(0x110000);
  return String.fromCodePoint(value >= 0xd800 && value < 0xe000 ? value - 0x800 : value);
}

function pick(pool: readonly string[], random: Random): string {
  return pool[random.below(pool.length)] ?? '';
}

function part(pools: readonly (readonly string[])[], random: Random): string {
  const kind = random.below(pools.length + 3);
  const pool = pools[kind];
  if (pool !== undefined) return pick(pool, random);
  if (kind === pools.length) return ' ' + pick(pools[0] ?? [], random);
  if (kind === pools.length + 1) return codePoint(random);
  const repeated = pick(pools[random.below(pools.length)] ?? [], random);
  return repeated.repeat(1 + random.below(9));
}

/**
 * The random strings of the goldens, the same as `strings()` of tools/goldens/tokenizers.py.
 *
 * @param pools the values of alphabet.json, in the order of the file
 */
export function randomStrings(pools: readonly (readonly string[])[], count = 10_000, seed = 20240607): string[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    let text = '';
    for (let left = random.below(12); left > 0; left--) text += part(pools, random);
    return text;
  });
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 32-bit FNV-1a. */
export function fnv(bytes: Uint8Array): number {
  let value = FNV_OFFSET;
  for (const byte of bytes) value = imul(value ^ byte, FNV_PRIME);
  return value >>> 0;
}
