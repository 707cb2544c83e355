import { join } from 'node:path';
import { refuseUnsupportedModel } from '../config/supported-model.js';
import { SafetensorsSet } from '../safetensors/safetensors-set.js';
import { missing, unsupported } from './checkpoint-errors.js';
import type { Checkpoint, TensorInfo, TokenizerFiles } from './checkpoint.js';
import type { FileKind } from './file-limits.js';
import { foreignDirectory } from './foreign-directory.js';
import { readHuggingfaceTokenizer } from './huggingface-tokenizer.js';
import { parseJsonObject } from './json-object.js';
import { readWholeFile } from './regular-file.js';

type Json = Readonly<Record<string, unknown>>;

/** A directory in the layout of Hugging Face: config.json, tokenizer files and safetensors. */
export class HuggingfaceCheckpoint implements Checkpoint {
  readonly #directory: string;
  readonly #weights: SafetensorsSet;
  readonly kind = 'huggingface';
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  private constructor(
    directory: string,
    readonly config: Json,
    readonly generationConfig: Json | null,
    weights: SafetensorsSet,
  ) {
    this.#directory = directory;
    this.#weights = weights;
    this.tensors = weights.tensors;
  }

  /**
   * @throws AppError `CONFIG_MISSING`, `UNSUPPORTED_CHECKPOINT` for a directory of another kind, `UNSUPPORTED_ARCHITECTURE`
   * and `UNSUPPORTED_CONFIG` before weights of another kind are looked at, and what the readers of the single files find
   * wrong.
   */
  static async open(directory: string): Promise<HuggingfaceCheckpoint> {
    const config = await readConfig(directory, 'config.json', 'config');
    if (!config) throw await configMissing(directory);
    refuseUnsupportedModel(config);
    const generationConfig = await readConfig(directory, 'generation_config.json', 'generationConfig');
    const weights = await SafetensorsSet.open(directory);
    return new HuggingfaceCheckpoint(directory, config, generationConfig, weights);
  }

  readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array> {
    return this.#weights.readRows(name, firstRow, rowCount);
  }

  tokenizerFiles(): Promise<TokenizerFiles> {
    return readHuggingfaceTokenizer(this.#directory);
  }

  close(): Promise<void> {
    return this.#weights.close();
  }
}

async function readConfig(directory: string, name: string, kind: FileKind): Promise<Json | null> {
  const bytes = await readWholeFile(join(directory, name), kind);
  return bytes && parseJsonObject(name, bytes);
}

async function configMissing(directory: string): Promise<Error> {
  const what = await foreignDirectory(directory);
  if (what === null) return missing('CONFIG_MISSING', `${directory} has no config.json.`);
  return unsupported(directory, `it has no config.json and ${what}.`);
}
