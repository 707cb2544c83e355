import { openFileSource, type ByteSource } from '../checkpoint/byte-source.js';
import { dequantise } from './dequantise/dequantise.js';
import { readGgufHeader, type GgufHeader, type GgufTensor } from './gguf-header.js';

/** Elements dequantised at once: a multiple of every block size, small beside any tensor that matters. */
const CHUNK_ELEMENTS = 1024 * 1024;

/** An open GGUF file: header and tensor reads in the file's own names and order. */
export class GgufFile {
  readonly #source: ByteSource;
  readonly #header: GgufHeader;
  private constructor(source: ByteSource, header: GgufHeader) {
    this.#source = source;
    this.#header = header;
  }

  /** Opens a file and checks its header. @throws AppError as `readGgufHeader` does. */
  static async open(path: string): Promise<GgufFile> {
    const source = await openFileSource(path);
    try {
      return await GgufFile.from(source);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Reads a source that stays the caller's if this throws. */
  static async from(source: ByteSource): Promise<GgufFile> {
    return new GgufFile(source, await readGgufHeader(source));
  }

  get name(): string {
    return this.#source.name;
  }

  get metadata(): GgufHeader['metadata'] {
    return this.#header.metadata;
  }

  get tensors(): GgufHeader['tensors'] {
    return this.#header.tensors;
  }

  /** Elements `first` to `first + out.length` of a tensor in storage order, as f32 into `out`. */
  async readElements(tensor: GgufTensor, first: number, out: Float32Array): Promise<void> {
    for (let done = 0; done < out.length; done += CHUNK_ELEMENTS) {
      const part = out.subarray(done, Math.min(done + CHUNK_ELEMENTS, out.length));
      await this.#readChunk(tensor, first + done, part);
    }
  }

  async #readChunk(tensor: GgufTensor, first: number, out: Float32Array): Promise<void> {
    const { elements, bytes, dtype } = tensor.type;
    const firstBlock = Math.floor(first / elements);
    const blocks = Math.ceil((first + out.length) / elements) - firstBlock;
    const raw = await this.#source.read(tensor.offset + firstBlock * bytes, blocks * bytes);
    const skip = first - firstBlock * elements;
    if (skip === 0 && blocks * elements === out.length) return dequantise(dtype, raw, out);
    // Only parts of a quantised vector start inside a block; rows of a matrix are whole blocks.
    const whole = new Float32Array(blocks * elements);
    dequantise(dtype, raw, whole);
    out.set(whole.subarray(skip, skip + out.length));
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
