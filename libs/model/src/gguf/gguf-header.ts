import type { ByteSource } from '../checkpoint/byte-source.js';
import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import { BLOCK_TYPES, OTHER_TYPES, type BlockType } from './block-types.js';
import { ByteCursor } from './byte-cursor.js';
import { GGUF_LIMITS as LIMITS } from './limits.js';
import { MetadataReader, type Metadata } from './metadata.js';

/** "GGUF" as a little-endian u32. */
export const GGUF_MAGIC = 0x46554747;
const DEFAULT_ALIGNMENT = 32;

/** A tensor as the file lists it. */
export interface GgufTensor {
  readonly name: string;
  /** Row-major, outermost first: the file has them innermost first. */
  readonly shape: readonly number[];
  readonly type: BlockType;
  /** Absolute offset in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

type Pending = Omit<GgufTensor, 'bytes'> & { elements: number };

/**
 * Parses and checks everything in front of the tensor data of a GGUF file, version 2 or 3, little endian.
 *
 * @throws AppError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`, `UNSUPPORTED_CHECKPOINT` naming a version, byte order or
 * element type that is not read.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const cursor = new ByteCursor(source, LIMITS.metadataBytes);
  await cursor.need(24);
  if (cursor.takeU32() !== GGUF_MAGIC) throw corrupt(source.name, 'it does not start with "GGUF".');
  assertVersion(cursor.takeU32(), source.name);
  const tensorCount = cursor.takeU64();
  const reader = new MetadataReader(cursor, source.name);
  const metadata = await reader.readEntries(cursor.takeU64());
  if (tensorCount > LIMITS.tensors) throw overLimit(source.name, `${tensorCount} tensors`, LIMITS.tensors);
  const pending: Pending[] = [];
  for (let i = 0; i < tensorCount; i++) pending.push(await readTensorInfo(reader, cursor, source.name));
  const alignment = alignmentOf(metadata, source.name);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { metadata, tensors: placeTensors(pending, { source, dataStart, alignment }) };
}

function assertVersion(version: number, name: string): void {
  if (version === 2 || version === 3) return;
  // A big-endian file shows its version in the upper bytes.
  const what = version > 0xffff ? 'is big endian' : `has GGUF version ${version}; versions 2 and 3 are read`;
  throw unsupported(name, `it ${what}.`);
}

function alignmentOf(metadata: Metadata, name: string): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPowerOfTwo = typeof value === 'number' && value >= 1 && Number.isInteger(Math.log2(value));
  if (isPowerOfTwo && value <= LIMITS.alignment) return value;
  throw corrupt(name, `general.alignment must be a power of two up to ${LIMITS.alignment}.`);
}

async function readTensorInfo(reader: MetadataReader, cursor: ByteCursor, source: string): Promise<Pending> {
  const name = await reader.readText(LIMITS.tensorNameBytes, 'a tensor name');
  await cursor.need(4);
  const rank = cursor.takeU32();
  if (rank > LIMITS.rank) throw overLimit(source, `rank ${rank} of tensor ${shown(name)}`, LIMITS.rank);
  await cursor.need(rank * 8 + 12);
  const shape = Array.from({ length: rank }, () => cursor.takeU64()).reverse();
  const type = blockType(cursor.takeU32(), name, source);
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  if (!Number.isSafeInteger(elements)) throw corrupt(source, `tensor ${shown(name)} has more than 2^53 elements.`);
  if ((shape.at(-1) ?? 1) % type.elements !== 0) {
    throw corrupt(source, `rows of tensor ${shown(name)} are no whole number of ${type.dtype} blocks.`);
  }
  return { name, shape, type, elements, offset: cursor.takeU64() };
}

function blockType(id: number, tensor: string, source: string): BlockType {
  const type = BLOCK_TYPES[id];
  if (type) return type;
  const label = OTHER_TYPES[id] ?? `number ${id}`;
  throw unsupported(source, `tensor ${shown(tensor)} has the element type ${label}, which is not read.`);
}

interface Placement {
  source: ByteSource;
  dataStart: number;
  alignment: number;
}

function placeTensors(pending: readonly Pending[], place: Placement): Map<string, GgufTensor> {
  const { source, dataStart, alignment } = place;
  const tensors = new Map<string, GgufTensor>();
  for (const { elements, ...tensor } of pending) {
    if (tensors.has(tensor.name)) throw corrupt(source.name, `tensor ${shown(tensor.name)} is listed twice.`);
    if (tensor.offset % alignment !== 0) throw corrupt(source.name, `tensor ${shown(tensor.name)} is not aligned.`);
    const bytes = (elements / tensor.type.elements) * tensor.type.bytes;
    const offset = dataStart + tensor.offset;
    if (offset + bytes > source.sizeBytes) {
      throw corrupt(
        source.name,
        `tensor ${shown(tensor.name)} ends at byte ${offset + bytes}, behind the file; it is cut short, download it again.`,
      );
    }
    tensors.set(tensor.name, { ...tensor, offset, bytes });
  }
  assertDisjoint([...tensors.values()], source.name);
  return tensors;
}

function assertDisjoint(tensors: readonly GgufTensor[], source: string): void {
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset < end) throw corrupt(source, `tensor ${shown(tensor.name)} overlaps the one before it.`);
    end = tensor.offset + tensor.bytes;
  }
}
