import { type GgufTensor, paddedBytes, Q8_BLOCK, Q8_BLOCK_BYTES, tensorBytes } from './gguf-layout.js';

/** Standard deviation of a uniform int8 in [-127, 127]. */
const INT8_STD = 73.3;
const CHUNK_BLOCKS = 1 << 15;

/** xorshift32: one 32-bit number a call. Fast and repeatable; nothing here needs better. */
export class SeededBits {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
}

/**
 * Data of one tensor in chunks of about 1 MB, its padding included. Linear weights have unit gain (variance one over
 * the inputs), so activations of a deep random model neither grow nor vanish; norms are one.
 */
export function* randomTensorData(tensor: GgufTensor, bits: SeededBits): Generator<Buffer> {
  if (tensor.dtype === 'f32') yield Buffer.from(new Float32Array(tensorBytes(tensor) / 4).fill(1).buffer);
  else yield* randomBlocks(tensor, bits);
  const padding = paddedBytes(tensor) - tensorBytes(tensor);
  if (padding > 0) yield Buffer.alloc(padding);
}

function* randomBlocks(tensor: GgufTensor, bits: SeededBits): Generator<Buffer> {
  const scale = halfBits(1 / (INT8_STD * Math.sqrt(tensor.dims[0] ?? 1)));
  let left = tensorBytes(tensor) / Q8_BLOCK_BYTES;
  while (left > 0) {
    const blocks = Math.min(left, CHUNK_BLOCKS);
    yield fillBlocks(blocks, scale, bits);
    left -= blocks;
  }
}

function fillBlocks(blocks: number, scale: number, bits: SeededBits): Buffer {
  const data = Buffer.alloc(blocks * Q8_BLOCK_BYTES);
  for (let block = 0, at = 0; block < blocks; block++) {
    at = data.writeUInt16LE(scale, at);
    for (let i = 0; i < Q8_BLOCK; i += 4, at += 4) data.writeInt32LE(symmetric(bits.next()), at);
  }
  return data;
}

/** Turns every byte that is -128 into -127: Q8_0 is symmetric. */
function symmetric(word: number): number {
  let result = word;
  for (let shift = 0; shift < 32; shift += 8) {
    if (((word >>> shift) & 0xff) === 0x80) result |= 1 << shift;
  }
  return result;
}

/** IEEE half of a positive normal number, rounded to nearest. */
export function halfBits(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  const mantissa = Math.round((value / 2 ** exponent - 1) * 1024);
  if (exponent < -14) return Math.round(value * 2 ** 24);
  return ((exponent + 15) << 10) + mantissa;
}
