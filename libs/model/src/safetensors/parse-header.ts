import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { TensorInfo } from '../checkpoint/checkpoint.js';
import { FLOAT_BYTES, type FloatType } from '../checkpoint/decode-floats.js';
import { isJsonObject, parseJsonObject } from '../checkpoint/json-object.js';
import { findDuplicateKey } from './duplicate-key.js';
import { SAFETENSORS_LIMITS as LIMITS } from './limits.js';

/** A tensor and where its bytes begin, counted from the end of the header. */
export interface StoredTensor extends TensorInfo {
  readonly dtype: FloatType;
  readonly begin: number;
  readonly end: number;
}

/** Where the header came from and how many bytes follow it. */
export interface HeaderSource {
  readonly name: string;
  readonly dataBytes: number;
}

/**
 * Parses and checks the JSON header of a safetensors file.
 *
 * The tensors must tile the data exactly: no overlap, no hole, nothing behind the last one.
 *
 * @throws AppError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`, or `UNSUPPORTED_CHECKPOINT` for an element type other than
 * F32, F16 and BF16, naming the tensor.
 */
export function parseHeader(bytes: Uint8Array, source: HeaderSource): Map<string, StoredTensor> {
  if (bytes[0] !== 0x7b) throw corrupt(source.name, 'its header does not start with "{".');
  const header = parseJsonObject(source.name, bytes);
  const duplicate = findDuplicateKey(new TextDecoder().decode(bytes));
  if (duplicate !== null) throw corrupt(source.name, `the key ${shown(duplicate)} occurs twice in its header.`);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  if (entries.length > LIMITS.tensors) throw overLimit(source.name, `${entries.length} tensors`, LIMITS.tensors);
  const tensors = entries.map(([name, entry]) => parseEntry(name, entry, source));
  assertTiled(tensors, source);
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

function parseEntry(name: string, entry: unknown, source: HeaderSource): StoredTensor {
  if (name.length === 0 || name.length > LIMITS.nameLength) {
    throw overLimit(source.name, `the name ${shown(name)} of ${name.length} characters`, LIMITS.nameLength);
  }
  if (!isJsonObject(entry)) throw corrupt(source.name, `tensor ${shown(name)} has no description.`);
  const dtype = parseType(name, entry['dtype'], source);
  const shape = parseShape(name, entry['shape'], source);
  const { begin, end } = parseOffsets(name, entry['data_offsets'], source);
  const bytes = shape.reduce((product, dimension) => product * dimension, FLOAT_BYTES[dtype]);
  if (bytes !== end - begin) {
    throw corrupt(
      source.name,
      `tensor ${shown(name)} is ${dtype} [${shape.join(', ')}] but holds ${end - begin} bytes.`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function parseType(name: string, dtype: unknown, source: HeaderSource): FloatType {
  if (typeof dtype !== 'string') throw corrupt(source.name, `tensor ${shown(name)} has no dtype.`);
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return dtype;
  throw unsupported(
    source.name,
    `tensor ${shown(name)} has dtype ${shown(dtype)}${quantisedAs(name, dtype)}; F32, F16 and BF16 are read.`,
  );
}

/** Quantised checkpoints do not always say so in config.json. */
function quantisedAs(name: string, dtype: string): string {
  const packed = /\.(qweight|qzeros|g_idx|weight_packed|weight_scale|absmax|quant_map|SCB)$/.test(name);
  if (!packed && !/^(F8|F4|F6)/.test(dtype)) return '';
  return ', so the checkpoint is quantised: take the one that was not, or a GGUF file of the model';
}

function parseShape(name: string, shape: unknown, source: HeaderSource): number[] {
  if (!isSizes(shape)) throw corrupt(source.name, `tensor ${shown(name)} has no shape of whole numbers.`);
  if (shape.length > LIMITS.rank) {
    throw overLimit(source.name, `rank ${shape.length} of tensor ${shown(name)}`, LIMITS.rank);
  }
  return shape;
}

function parseOffsets(name: string, offsets: unknown, source: HeaderSource): { begin: number; end: number } {
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw corrupt(source.name, `tensor ${shown(name)} has no pair of data_offsets.`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > source.dataBytes) {
    throw corrupt(
      source.name,
      `tensor ${shown(name)} lies at bytes ${begin} to ${end}, outside the ${source.dataBytes} bytes of data; the file may be cut short, download it again.`,
    );
  }
  return { begin, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function assertTiled(tensors: readonly StoredTensor[], source: HeaderSource): void {
  const inOrder = [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const tensor of inOrder) {
    if (tensor.begin < at) throw corrupt(source.name, `tensor ${shown(tensor.name)} overlaps the one before it.`);
    if (tensor.begin > at) throw corrupt(source.name, `bytes ${at} to ${tensor.begin} belong to no tensor.`);
    at = tensor.end;
  }
  if (at !== source.dataBytes) throw corrupt(source.name, `${source.dataBytes - at} bytes follow the last tensor.`);
}
