import { crc32cTable } from '../crc32c-table.js';
import { entry } from './edit-block.js';
import type { Random } from './random.js';
import { repairHead, repairHeader } from './repair.js';

/** A changed block, and whether its checksums were made to fit afterwards. */
export interface Mutation {
  readonly bytes: Uint8Array;
  readonly repaired: boolean;
}

/** Numbers at which parsers break. */
const EDGES = [0, 1, 2, 3, 7, 8, 255, 256, 4095, 4096, 4097, 8192, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const WIDTHS = [1, 2, 4, 8] as const;

type Mutator = (sound: Uint8Array, other: Uint8Array, random: Random) => Mutation;

const MUTATORS: readonly Mutator[] = [
  flipBits,
  flipBits,
  cutOrGrow,
  spliceBytes,
  editHeader,
  editHeader,
  editEntry,
  editEntry,
  swapEntries,
  editPayload,
];

/** One random change of a sound block; `other` is a second one to take bytes from. */
export function mutateBlock(sound: Uint8Array, other: Uint8Array, random: Random): Mutation {
  return random.pick(MUTATORS)(sound, other, random);
}

function flipBits(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  const head = random.below(2) === 0;
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(head ? 700 : bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  }
  return { bytes, repaired: false };
}

function cutOrGrow(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const length = random.pick([random.below(300), random.below(sound.length), sound.length + 1 + random.below(9000)]);
  const bytes = new Uint8Array(length);
  bytes.set(sound.subarray(0, length));
  if (random.below(2) === 0) return { bytes, repaired: false };
  if (length >= 32) new DataView(bytes.buffer).setBigUint64(24, BigInt(length), true);
  repairHeader(bytes);
  return { bytes, repaired: true };
}

function spliceBytes(sound: Uint8Array, other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  const from = random.below(other.length);
  const length = 1 + random.below(Math.min(4096, other.length - from));
  const to = random.below(bytes.length - length + 1);
  bytes.set(other.subarray(from, from + length), to);
  const repaired = random.below(2) === 0;
  if (repaired) repairHead(bytes);
  return { bytes, repaired };
}

function editHeader(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  for (let n = 1 + random.below(2); n > 0; n--) {
    const width = random.pick(WIDTHS);
    write(bytes, width * random.below(248 / width), width, random);
  }
  repairHead(bytes);
  return { bytes, repaired: true };
}

function editEntry(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  const width = random.pick(WIDTHS);
  write(bytes, entry(random.below(sections(bytes)), width * random.below(64 / width)), width, random);
  repairHead(bytes);
  return { bytes, repaired: true };
}

function swapEntries(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  const from = entry(random.below(sections(bytes)), 0);
  const field = random.pick([0, 8, 16, 24, 32, 40]);
  const to = entry(random.below(sections(bytes)), field);
  bytes.set(sound.subarray(from + field, from + field + random.pick([2, 8, 16, 24])), to);
  repairHead(bytes);
  return { bytes, repaired: true };
}

/** Damages a payload and makes its CRC fit: what only sub-checksums and signature can notice. */
function editPayload(sound: Uint8Array, _other: Uint8Array, random: Random): Mutation {
  const bytes = sound.slice();
  const view = new DataView(bytes.buffer);
  const index = random.below(sections(bytes));
  const offset = view.getUint32(entry(index, 8), true);
  const length = view.getUint32(entry(index, 16), true);
  const at = offset + random.below(length);
  bytes[at] = (bytes[at] as number) ^ (1 + random.below(255));
  view.setUint32(entry(index, 32), crc32cTable(bytes.subarray(offset, offset + length)), true);
  repairHead(bytes);
  return { bytes, repaired: true };
}

function sections(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(20, true);
}

function write(bytes: Uint8Array, at: number, width: 1 | 2 | 4 | 8, random: Random): void {
  const view = new DataView(bytes.buffer);
  const value = random.below(3) === 0 ? random.word() : random.pick(EDGES);
  if (width === 1) view.setUint8(at, value);
  else if (width === 2) view.setUint16(at, value, true);
  else if (width === 4) view.setUint32(at, value, true);
  else view.setBigUint64(at, BigInt(value) << BigInt(random.pick([0, 0, 16, 32])), true);
}
