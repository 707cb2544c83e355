import { ByteWriter } from './byte-writer.js';

/** A metadata value of a GGUF file; integers are stored as u32, numbers as f32. */
export type GgufValue =
  | { type: 'u32'; value: number }
  | { type: 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'text'; value: string }
  | { type: 'texts'; value: readonly string[] }
  | { type: 'i32s'; value: readonly number[] };

/** One tensor to be written. `dims` in GGUF order: the contiguous dimension first. */
export interface GgufTensor {
  name: string;
  dims: readonly number[];
  dtype: 'f32' | 'q8_0';
}

/** Bytes that every tensor starts at a multiple of. */
const GGUF_ALIGNMENT = 32;
/** Values of a Q8_0 block; its bytes are an f16 scale and as many int8. */
export const Q8_BLOCK = 32;
export const Q8_BLOCK_BYTES = 2 + Q8_BLOCK;

const TENSOR_TYPES = { f32: 0, q8_0: 8 } as const;
const VALUE_TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9 } as const;

/** Bytes of a tensor's data, without padding. */
export function tensorBytes(tensor: GgufTensor): number {
  const count = tensor.dims.reduce((product, dim) => product * dim, 1);
  return tensor.dtype === 'f32' ? count * 4 : (count / Q8_BLOCK) * Q8_BLOCK_BYTES;
}

/** Everything before the tensor data: header, metadata and tensor directory, padded to the alignment. */
export function encodeGgufHead(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]): Buffer {
  const out = new ByteWriter();
  out.u32(0x46554747); // "GGUF"
  out.u32(3);
  out.u64(tensors.length);
  out.u64(metadata.size);
  for (const [key, value] of metadata) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    writeTensorInfo(out, tensor, offset);
    offset += paddedBytes(tensor);
  }
  out.align(GGUF_ALIGNMENT);
  return out.bytes();
}

/** Bytes of a tensor's data with the padding behind it. */
export function paddedBytes(tensor: GgufTensor): number {
  return Math.ceil(tensorBytes(tensor) / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}

function writeTensorInfo(out: ByteWriter, tensor: GgufTensor, offset: number): void {
  out.text(tensor.name);
  out.u32(tensor.dims.length);
  for (const dim of tensor.dims) out.u64(dim);
  out.u32(TENSOR_TYPES[tensor.dtype]);
  out.u64(offset);
}

function writeValue(out: ByteWriter, entry: GgufValue): void {
  switch (entry.type) {
    case 'u32':
      out.u32(VALUE_TYPES.u32);
      return out.u32(entry.value);
    case 'f32':
      out.u32(VALUE_TYPES.f32);
      return out.f32(entry.value);
    case 'bool':
      out.u32(VALUE_TYPES.bool);
      return out.u8(entry.value ? 1 : 0);
    case 'text':
      out.u32(VALUE_TYPES.text);
      return out.text(entry.value);
    case 'texts':
      writeArrayHead(out, VALUE_TYPES.text, entry.value.length);
      return entry.value.forEach((item) => out.text(item));
    case 'i32s':
      writeArrayHead(out, VALUE_TYPES.i32, entry.value.length);
      return entry.value.forEach((item) => out.u32(item >>> 0));
  }
}

function writeArrayHead(out: ByteWriter, itemType: number, count: number): void {
  out.u32(VALUE_TYPES.array);
  out.u32(itemType);
  out.u64(count);
}
