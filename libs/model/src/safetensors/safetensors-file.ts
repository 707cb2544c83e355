import { openFileSource, type ByteSource } from '../checkpoint/byte-source.js';
import { corrupt, overLimit } from '../checkpoint/checkpoint-errors.js';
import { FOREIGN_PREFIX_BYTES, foreignFile } from '../checkpoint/foreign-file.js';
import { decodeFloats, FLOAT_BYTES } from '../checkpoint/decode-floats.js';
import { rowElements } from '../checkpoint/row-range.js';
import { SAFETENSORS_LIMITS as LIMITS } from './limits.js';
import { parseHeader, type StoredTensor } from './parse-header.js';

/** Bytes of the little-endian header length in front of the header. */
const LENGTH_BYTES = 8;

/** Bytes read at once: large enough for sequential disk speed, small beside any tensor that matters. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/** One safetensors file. Reads may run concurrently; whoever opens it closes it. */
export class SafetensorsFile {
  readonly #source: ByteSource;
  readonly #dataOffset: number;
  private constructor(
    source: ByteSource,
    dataOffset: number,
    readonly tensors: ReadonlyMap<string, StoredTensor>,
  ) {
    this.#source = source;
    this.#dataOffset = dataOffset;
  }

  /** Opens a file and checks its header. @throws AppError as `parseHeader` does. */
  static async open(path: string): Promise<SafetensorsFile> {
    const source = await openFileSource(path);
    try {
      return await SafetensorsFile.from(source);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Reads a source that stays the caller's if this throws. */
  static async from(source: ByteSource): Promise<SafetensorsFile> {
    await refuseForeign(source);
    const prefix = await source.read(0, LENGTH_BYTES);
    const declared = new DataView(prefix.buffer).getBigUint64(0, true);
    if (declared > BigInt(LIMITS.headerBytes)) {
      throw overLimit(
        source.name,
        `its header of ${declared} bytes (it may be no safetensors file)`,
        LIMITS.headerBytes,
      );
    }
    const headerBytes = Number(declared);
    const dataOffset = LENGTH_BYTES + headerBytes;
    if (dataOffset > source.sizeBytes) {
      throw corrupt(
        source.name,
        `its header ends at byte ${dataOffset} but the file at ${source.sizeBytes}; it is cut short, download it again.`,
      );
    }
    const header = await source.read(LENGTH_BYTES, headerBytes);
    const tensors = parseHeader(header, { name: source.name, dataBytes: source.sizeBytes - dataOffset });
    return new SafetensorsFile(source, dataOffset, tensors);
  }

  /** Rows of a tensor of this file as f32; the range must lie inside it. */
  async readRows(tensor: StoredTensor, firstRow: number, rowCount: number): Promise<Float32Array> {
    const width = rowElements(tensor.shape);
    const elementBytes = FLOAT_BYTES[tensor.dtype];
    const out = new Float32Array(rowCount * width);
    const start = this.#dataOffset + tensor.begin + firstRow * width * elementBytes;
    const step = CHUNK_BYTES / elementBytes;
    for (let done = 0; done < out.length; done += step) {
      const part = out.subarray(done, Math.min(done + step, out.length));
      const bytes = await this.#source.read(start + done * elementBytes, part.length * elementBytes);
      decodeFloats(tensor.dtype, bytes, part);
    }
    return out;
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** @throws AppError `CHECKPOINT_CORRUPT` that says what the file is instead, where that can be seen. */
async function refuseForeign(source: ByteSource): Promise<void> {
  const head = await source.read(0, Math.min(FOREIGN_PREFIX_BYTES, source.sizeBytes));
  const what = foreignFile(head);
  // The length of a header may spell anything; the brace behind it says that this is one.
  if (what !== null && head[LENGTH_BYTES] !== 0x7b) throw corrupt(source.name, `${what}.`);
}
