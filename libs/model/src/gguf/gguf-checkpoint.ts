import { corrupt, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { Checkpoint, TensorInfo, TokenizerFiles } from '../checkpoint/checkpoint.js';
import { elementCount, resolveRows, rowElements } from '../checkpoint/row-range.js';
import type { Architecture } from './architectures.js';
import { generationConfig } from './generation-config.js';
import { GgufFile } from './gguf-file.js';
import type { GgufTensor } from './gguf-header.js';
import { architectureOf, headCounts, huggingfaceConfig } from './huggingface-config.js';
import { MetadataView } from './metadata-view.js';
import { storedRow } from './rope-permutation.js';
import type { RopeFactors } from './rope-scaling.js';
import { huggingfaceName, ROPE_TENSORS } from './tensor-names.js';
import { ggufTokenizer } from './tokenizer/gguf-tokenizer.js';

/** RoPE factors are one per pair of a head's dimensions. */
const MAX_ROPE_FACTORS = 1024;

type Json = Readonly<Record<string, unknown>>;

/** A tensor under its Hugging Face name, and how its rows are found in the file. */
interface MappedTensor extends TensorInfo {
  readonly stored: GgufTensor;
  /** Rows per head of a q or k projection that is stored permuted; 0 where rows are in order. */
  readonly permutedHeadRows: number;
  /** Added to every value: -1 for norms that are stored with 1 added. */
  readonly shift: number;
}

/** A GGUF file, shown as the Hugging Face checkpoint that it was made from. */
export class GgufCheckpoint implements Checkpoint {
  readonly #file: GgufFile;
  readonly #view: MetadataView;
  readonly kind = 'gguf';

  private constructor(
    file: GgufFile,
    view: MetadataView,
    readonly config: Json,
    readonly tensors: ReadonlyMap<string, MappedTensor>,
  ) {
    this.#file = file;
    this.#view = view;
  }

  /** @throws AppError as the header, the configuration and the tensor names are checked. */
  static async open(path: string): Promise<GgufCheckpoint> {
    const file = await GgufFile.open(path);
    try {
      return await GgufCheckpoint.from(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Shows an open file, which stays the caller's if this throws. */
  static async from(file: GgufFile): Promise<GgufCheckpoint> {
    const view = new MetadataView(file.metadata, file.name);
    assertWhole(view);
    const architecture = architectureOf(view);
    const ropeFactors = await readRopeFactors(file);
    const config = huggingfaceConfig({ view, tensors: file.tensors, ropeFactors });
    return new GgufCheckpoint(file, view, config, mapTensors(file, view, architecture));
  }

  get generationConfig(): Json | null {
    return generationConfig(this.#view);
  }

  async readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array> {
    const tensor = resolveRows(this.tensors, name, { firstRow, rowCount });
    const out = new Float32Array(rowCount * rowElements(tensor.shape));
    if (tensor.permutedHeadRows > 0) await this.#readPermuted(tensor, firstRow, out);
    else await this.#file.readElements(tensor.stored, firstRow * rowElements(tensor.shape), out);
    if (tensor.shift !== 0) for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + tensor.shift;
    return out;
  }

  async tokenizerFiles(): Promise<TokenizerFiles> {
    return ggufTokenizer(this.#view);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Fills `out` with rows from `firstRow` on, one head of the stored order at a time. */
  async #readPermuted(tensor: MappedTensor, firstRow: number, out: Float32Array): Promise<void> {
    const width = rowElements(tensor.shape);
    const headRows = tensor.permutedHeadRows;
    const endRow = firstRow + out.length / width;
    const stored = new Float32Array(headRows * width);
    for (let start = firstRow - (firstRow % headRows); start < endRow; start += headRows) {
      await this.#file.readElements(tensor.stored, start * width, stored);
      const end = Math.min(start + headRows, endRow);
      for (let row = Math.max(start, firstRow); row < end; row++) {
        const from = storedRow(row - start, headRows) * width;
        out.set(stored.subarray(from, from + width), (row - firstRow) * width);
      }
    }
  }
}

function assertWhole(view: MetadataView): void {
  const parts = view.count('split.count') ?? 0;
  if (parts > 1)
    throw unsupported(
      view.file,
      `it is one of ${parts} parts; merge them into one file with llama-gguf-split --merge and name that.`,
    );
}

async function readRopeFactors(file: GgufFile): Promise<RopeFactors> {
  const [frequencies, short, long] = await Promise.all(ROPE_TENSORS.map((name) => readFactors(file, name)));
  return { frequencies: frequencies ?? null, short: short ?? null, long: long ?? null };
}

async function readFactors(file: GgufFile, name: string): Promise<Float32Array | null> {
  const tensor = file.tensors.get(name);
  if (!tensor) return null;
  const length = elementCount(tensor.shape);
  if (length > MAX_ROPE_FACTORS) throw corrupt(file.name, `${name} has ${length} factors.`);
  const factors = new Float32Array(length);
  await file.readElements(tensor, 0, factors);
  if (!factors.every((factor) => Number.isFinite(factor) && factor > 0)) {
    throw corrupt(file.name, `${name} has a factor that is no positive number.`);
  }
  return factors;
}

function mapTensors(file: GgufFile, view: MetadataView, architecture: Architecture): Map<string, MappedTensor> {
  const tensors = new Map<string, MappedTensor>();
  const counts = headCounts(view);
  for (const stored of file.tensors.values()) {
    if ((ROPE_TENSORS as readonly string[]).includes(stored.name)) continue;
    const name = huggingfaceName(stored.name, architecture);
    if (name === null) {
      const what = `the tensor ${shown(stored.name)} is unknown for ${architecture.modelType}`;
      throw unsupported(file.name, `${what}, which means that something of the model would be left out.`);
    }
    tensors.set(name, {
      name,
      shape: stored.shape,
      dtype: stored.type.dtype,
      stored,
      permutedHeadRows: architecture.permutedRope ? permutedHeadRows(stored, counts, file.name) : 0,
      shift: architecture.normsPlusOne && stored.name.endsWith('norm.weight') ? -1 : 0,
    });
  }
  return tensors;
}

function permutedHeadRows(tensor: GgufTensor, counts: { heads: number; kvHeads: number }, file: string): number {
  const part = /\.attn_([qk])\.(weight|bias)$/.exec(tensor.name)?.[1];
  if (part === undefined) return 0;
  const heads = part === 'q' ? counts.heads : counts.kvHeads;
  const rows = (tensor.shape[0] ?? 0) / heads;
  if (Number.isSafeInteger(rows) && rows > 0 && rows % 2 === 0) return rows;
  throw corrupt(file, `the ${tensor.shape[0]} rows of ${shown(tensor.name)} do not fit ${heads} heads.`);
}
