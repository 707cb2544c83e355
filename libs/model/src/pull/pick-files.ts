import { posix } from 'node:path';
import { pullError } from './pull-types.js';

/** Files of a Hugging Face directory that an import reads, beside the weights. */
const SIDE_FILES = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'special_tokens_map.json',
]);
const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const SHARD = /^model-[\w.-]*\.safetensors$/;

export interface PickedFiles {
  /** Paths as the source spells them; all in one directory. */
  readonly paths: readonly string[];
  /** Base name of the file to open, or '.' for the directory. */
  readonly entry: string;
}

/**
 * Picks the checkpoint among the files of a package or a repository: the outermost directory with a config.json and
 * safetensors, else the only `.gguf` file.
 *
 * @param wanted base name of the GGUF file to take, where the caller or a pin names one.
 * @throws AppError `CHECKPOINT_NOT_FOUND`, or `CHECKPOINT_AMBIGUOUS` naming the GGUF files to choose from.
 */
export function pickFiles(paths: readonly string[], wanted: string | null, source: string): PickedFiles {
  const safe = paths.filter((path) => !path.startsWith('/') && !path.includes('\\') && !path.split('/').includes('..'));
  const ggufs = safe.filter((path) => path.endsWith('.gguf'));
  if (wanted !== null) {
    const path = ggufs.find((candidate) => posix.basename(candidate) === wanted);
    if (path !== undefined) return { paths: [path], entry: wanted };
    throw pullError('NOT_FOUND', 'CHECKPOINT_NOT_FOUND', `${source} has no file ${wanted}.`);
  }
  const directory = pickDirectory(safe);
  if (directory) return { paths: directory, entry: '.' };
  if (ggufs.length === 1) return { paths: ggufs, entry: posix.basename(ggufs[0] as string) };
  if (ggufs.length > 1) {
    const names = ggufs.slice(0, 20).join(', ');
    throw pullError(
      'INVALID_ARGUMENT',
      'CHECKPOINT_AMBIGUOUS',
      `${source} has several GGUF files; name one: ${names}.`,
    );
  }
  throw pullError(
    'NOT_FOUND',
    'CHECKPOINT_NOT_FOUND',
    `${source} holds neither safetensors with config.json nor GGUF.`,
  );
}

function pickDirectory(paths: readonly string[]): string[] | null {
  const all = new Set(paths);
  const homes = paths
    .filter((path) => posix.basename(path) === 'config.json')
    .map((path) => posix.dirname(path))
    .filter((home) => all.has(posix.join(home, SINGLE)) || all.has(posix.join(home, INDEX)))
    .sort((a, b) => depth(a) - depth(b));
  const home = homes[0];
  if (home === undefined) return null;
  const single = all.has(posix.join(home, SINGLE));
  return paths.filter((path) => {
    if (posix.dirname(path) !== home) return false;
    const name = posix.basename(path);
    return SIDE_FILES.has(name) || (single ? name === SINGLE : name === INDEX || SHARD.test(name));
  });
}

function depth(directory: string): number {
  return directory === '.' ? 0 : directory.split('/').length;
}
