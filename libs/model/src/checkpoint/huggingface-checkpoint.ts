import { join } from 'node:path';
import { SafetensorsSet } from '../safetensors/safetensors-set.js';
import { missing } from './checkpoint-errors.js';
import type { Checkpoint, TensorInfo, TokenizerFiles } from './checkpoint.js';
import { readHuggingfaceTokenizer } from './huggingface-tokenizer.js';
import { parseJsonObject, readSmallFile } from './read-json-file.js';

/** Configurations are a few kB; lists per layer make the largest about 100 kB. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** A directory in the layout of Hugging Face: config.json, tokenizer files and safetensors. */
export class HuggingfaceCheckpoint implements Checkpoint {
  readonly kind = 'huggingface';
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  private constructor(
    private readonly directory: string,
    readonly config: Json,
    readonly generationConfig: Json | null,
    private readonly weights: SafetensorsSet,
  ) {
    this.tensors = weights.tensors;
  }

  /** @throws AppError `CONFIG_MISSING`, and what the readers of the single files find wrong. */
  static async open(directory: string): Promise<HuggingfaceCheckpoint> {
    const config = await readConfig(directory, 'config.json');
    if (!config) throw missing('CONFIG_MISSING', `${directory} has no config.json.`);
    const generationConfig = await readConfig(directory, 'generation_config.json');
    const weights = await SafetensorsSet.open(directory);
    return new HuggingfaceCheckpoint(directory, config, generationConfig, weights);
  }

  readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array> {
    return this.weights.readRows(name, firstRow, rowCount);
  }

  tokenizerFiles(): Promise<TokenizerFiles> {
    return readHuggingfaceTokenizer(this.directory);
  }

  close(): Promise<void> {
    return this.weights.close();
  }
}

async function readConfig(directory: string, name: string): Promise<Json | null> {
  const bytes = await readSmallFile(join(directory, name), MAX_CONFIG_BYTES);
  return bytes && parseJsonObject(name, bytes);
}
