import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, parseJsonObject } from './json-object.js';
import { readWholeFile } from './regular-file.js';

/** Entries looked at per directory; a directory that holds a model has some dozens. */
const MAX_ENTRIES = 1000;
/** A hub's cache keeps a checkpoint three levels down: models--owner--name/snapshots/commit. */
const MAX_DEPTH = 3;
/** Directories looked into for a checkpoint within. */
const MAX_DIRECTORIES = 200;

const PICKLED = /^(pytorch_model|consolidated|model)[\w.-]*\.(bin|pth|pt)$|^pytorch_model\.bin\.index\.json$/;
const OTHER_WEIGHTS: readonly [RegExp, string][] = [
  [PICKLED, 'pickled PyTorch weights'],
  [/\.onnx$/, 'an ONNX model'],
  [/^(tf_model\.h5|flax_model\.msgpack)$/, 'TensorFlow or Flax weights'],
  [/\.(mlmodel|mlpackage|tflite|engine)$/, 'a model compiled for another runtime'],
  [/\.(zip|tar|tgz|tar\.gz|tar\.zst)$/, 'an archive, which must be unpacked first'],
  [/\.(incomplete|part|crdownload|download)$/, 'a download that did not finish'],
];

interface Listing {
  files: string[];
  directories: string[];
}

/**
 * What a directory is that is no checkpoint in the layout of Hugging Face, and what to do: the end of a sentence, or null
 * where nothing can be said.
 */
export async function foreignDirectory(directory: string): Promise<string | null> {
  const { files, directories } = await list(directory);
  if (files.length + directories.length === 0) return 'is empty; download the model into it first';
  if (files.includes('adapter_config.json')) return adapter(directory);
  const ggufs = files.filter((name) => name.endsWith('.gguf')).sort();
  if (ggufs.length > 0) return `holds GGUF files; name one of them: ${clipped(ggufs)}`;
  const within = await checkpointsWithin(directory, directories);
  if (within.length === 1) return `holds a checkpoint in ${within[0]}; name that directory`;
  if (within.length > 1) return `holds several checkpoints; name one of them: ${clipped(within)}`;
  return otherWeights(files);
}

/** What lies in a directory instead of safetensors: the end of a sentence, or null. */
export async function foreignWeights(directory: string): Promise<string | null> {
  const { files } = await list(directory);
  if (files.includes('adapter_config.json')) return adapter(directory);
  const ggufs = files.filter((name) => name.endsWith('.gguf')).sort();
  if (ggufs.length > 0) return `holds GGUF files; name one of them: ${clipped(ggufs)}`;
  return otherWeights(files);
}

function otherWeights(files: readonly string[]): string | null {
  for (const [pattern, what] of OTHER_WEIGHTS) {
    const name = files.find((candidate) => pattern.test(candidate));
    if (name !== undefined) return `holds ${what} (${name}); only safetensors and GGUF are read`;
  }
  return null;
}

async function adapter(directory: string): Promise<string> {
  const base = await baseModel(directory).catch(() => null);
  const of = base === null ? '' : ` of ${JSON.stringify(base.slice(0, 200))}`;
  return `is an adapter (LoRA)${of} and no whole model; merge it into its base model with peft (merge_and_unload), save the result and name that`;
}

async function baseModel(directory: string): Promise<string | null> {
  const bytes = await readWholeFile(join(directory, 'adapter_config.json'), 'config');
  const config = bytes === null ? {} : parseJsonObject('adapter_config.json', bytes);
  const base = isJsonObject(config) ? config['base_model_name_or_path'] : null;
  return typeof base === 'string' && base !== '' ? base : null;
}

/** Paths of directories with a config.json, and of GGUF files, breadth first. */
async function checkpointsWithin(root: string, first: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  let level = first.map((name) => join(root, name));
  let seen = 0;
  for (let depth = 0; depth < MAX_DEPTH && found.length === 0; depth++) {
    const next: string[] = [];
    for (const directory of level) {
      if (++seen > MAX_DIRECTORIES) return found;
      const { files, directories } = await list(directory);
      if (files.includes('config.json')) found.push(directory);
      for (const name of files) if (name.endsWith('.gguf')) found.push(join(directory, name));
      next.push(...directories.map((name) => join(directory, name)));
    }
    level = next;
  }
  return found.sort();
}

async function list(directory: string): Promise<Listing> {
  const listing: Listing = { files: [], directories: [] };
  const entries = await opendir(directory).catch(() => null);
  if (entries === null) return listing;
  let seen = 0;
  for await (const entry of entries) {
    if (++seen > MAX_ENTRIES) break;
    if (entry.name === '.git') continue;
    (entry.isDirectory() ? listing.directories : listing.files).push(entry.name);
  }
  return listing;
}

function clipped(names: readonly string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ');
}
