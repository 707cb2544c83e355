import { join } from 'node:path';
import { corrupt, missing, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import { foreignWeights } from '../checkpoint/foreign-directory.js';
import { isJsonObject, parseJsonObject } from '../checkpoint/json-object.js';
import { hasRegularFile, readWholeFile } from '../checkpoint/regular-file.js';
import { resolveRows } from '../checkpoint/row-range.js';
import { SAFETENSORS_LIMITS as LIMITS } from './limits.js';
import type { StoredTensor } from './parse-header.js';
import { SafetensorsFile } from './safetensors-file.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** The tensors of a directory, in one file or in shards. */
export class SafetensorsSet {
  readonly #files: ReadonlyMap<string, SafetensorsFile>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;

  private constructor(files: ReadonlyMap<string, SafetensorsFile>) {
    this.#files = files;
    this.tensors = new Map([...files.values()].flatMap((file) => [...file.tensors]));
  }

  /**
   * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
   *
   * @throws AppError `WEIGHTS_MISSING` where there is neither, `SHARD_MISSING` naming the shard, `CHECKPOINT_CORRUPT`
   * where index and shards disagree.
   */
  static async open(directory: string): Promise<SafetensorsSet> {
    const names = await weightFiles(directory);
    if (names.index === null) return openFiles(directory, names.files, (files) => new SafetensorsSet(files));
    const { index } = names;
    return openFiles(directory, names.files, (files) => {
      assertIndexed(index, files);
      return new SafetensorsSet(files);
    });
  }

  /** As `Checkpoint.readRows`. */
  async readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array> {
    const tensor = resolveRows(this.tensors, name, { firstRow, rowCount });
    for (const file of this.#files.values()) {
      if (file.tensors.has(name)) return file.readRows(tensor, firstRow, rowCount);
    }
    throw missing('TENSOR_NOT_FOUND', `No shard holds ${shown(name)}.`);
  }

  async close(): Promise<void> {
    await closeAll(this.#files);
  }
}

async function openFiles<T>(
  directory: string,
  names: readonly string[],
  build: (files: Map<string, SafetensorsFile>) => T,
): Promise<T> {
  const files = new Map<string, SafetensorsFile>();
  try {
    for (const name of names) files.set(name, await SafetensorsFile.open(join(directory, name)));
    return build(files);
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function closeAll(files: ReadonlyMap<string, SafetensorsFile>): Promise<void> {
  await Promise.all([...files.values()].map((file) => file.close()));
}

/** The weight files of a directory: names, and which tensor the index expects where; null without an index. */
export interface WeightFiles {
  readonly files: readonly string[];
  readonly index: ReadonlyMap<string, string> | null;
}

/** Finds `model.safetensors`, or the shards that the index names. @throws AppError as {@link SafetensorsSet.open}. */
export async function weightFiles(directory: string): Promise<WeightFiles> {
  if (await hasRegularFile(join(directory, SINGLE))) return { files: [SINGLE], index: null };
  const index = await readIndex(directory);
  const files = [...new Set(index.values())].sort();
  if (files.length > LIMITS.shards) throw overLimit(INDEX, `${files.length} shards`, LIMITS.shards);
  for (const name of files) {
    if (!(await hasRegularFile(join(directory, name)))) {
      throw missing(
        'SHARD_MISSING',
        `The shard ${name} that ${INDEX} names is not in ${directory}; download the model again.`,
      );
    }
  }
  return { files, index };
}

/** Tensor name to shard file name. */
async function readIndex(directory: string): Promise<Map<string, string>> {
  const bytes = await readWholeFile(join(directory, INDEX), 'shardIndex');
  if (!bytes) throw await weightsMissing(directory);
  const weightMap = parseJsonObject(INDEX, bytes)['weight_map'];
  if (!isJsonObject(weightMap)) throw corrupt(INDEX, 'it has no weight_map.');
  const index = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(weightMap)) {
    // A shard is a sibling of the index: a path could read any file of the machine.
    if (typeof shard !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(shard)) {
      throw corrupt(INDEX, `${shown(tensor)} names ${shown(String(shard))}, which is not a plain file name.`);
    }
    index.set(tensor, shard);
  }
  if (index.size === 0) throw corrupt(INDEX, 'its weight_map is empty.');
  return index;
}

function assertIndexed(index: ReadonlyMap<string, string>, files: ReadonlyMap<string, SafetensorsFile>): void {
  for (const [tensor, shard] of index) {
    if (!files.get(shard)?.tensors.has(tensor)) throw corrupt(shard, `it lacks the tensor ${shown(tensor)}.`);
  }
  for (const [shard, file] of files) {
    for (const tensor of file.tensors.keys()) {
      if (index.get(tensor) !== shard) throw corrupt(shard, `its tensor ${shown(tensor)} is not in ${INDEX}.`);
    }
  }
}

async function weightsMissing(directory: string): Promise<Error> {
  const what = await foreignWeights(directory);
  if (what !== null) return unsupported(directory, `it has no safetensors and ${what}.`);
  return missing('WEIGHTS_MISSING', `${directory} has neither ${SINGLE} nor ${INDEX}.`);
}
