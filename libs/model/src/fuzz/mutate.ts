/** Uniform numbers in [0, 1) from a seed (mulberry32), so that every failure can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Numbers at which length checks, signs and exactness break. */
const TELLING = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Pieces that mean something in a safetensors header. */
const JSON_PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  '\\',
  '-1',
  '1e308',
  '9007199254740993',
  'null',
  '"F8"',
  '__proto__',
];

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setByte,
  setNumber,
  setNumber,
  truncate,
  removeRun,
  repeatRun,
  putText,
];

/** One to four random changes of a copy of `bytes`; never empty unless cut to nothing. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  const changes = 1 + below(random, 4);
  for (let i = 0; i < changes && mutated.length > 0; i++) {
    const mutation = MUTATIONS[below(random, MUTATIONS.length)] as Mutation;
    mutated = mutation(mutated, random);
  }
  return mutated;
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const at = below(random, bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  bytes[below(random, bytes.length)] = below(random, 256);
  return bytes;
}

function setNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const width = random() < 0.5 ? 4 : 8;
  if (bytes.length < width) return bytes;
  const value = TELLING[below(random, TELLING.length)] as bigint;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = below(random, bytes.length - width + 1);
  if (width === 8) view.setBigUint64(at, value, true);
  else view.setUint32(at, Number(value & 0xffffffffn), true);
  return bytes;
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, below(random, bytes.length));
}

function removeRun(bytes: Uint8Array, random: Random): Uint8Array {
  const at = below(random, bytes.length);
  const end = Math.min(bytes.length, at + 1 + below(random, 32));
  return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]));
}

function repeatRun(bytes: Uint8Array, random: Random): Uint8Array {
  const at = below(random, bytes.length);
  const end = Math.min(bytes.length, at + 1 + below(random, 64));
  return new Uint8Array(Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)]));
}

function putText(bytes: Uint8Array, random: Random): Uint8Array {
  const piece = Buffer.from(JSON_PIECES[below(random, JSON_PIECES.length)] as string);
  const at = below(random, bytes.length);
  // Inserting shifts what follows; overwriting keeps lengths valid and reaches deeper checks.
  const resume = random() < 0.5 ? at : Math.min(bytes.length, at + piece.length);
  return new Uint8Array(Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(resume)]));
}
