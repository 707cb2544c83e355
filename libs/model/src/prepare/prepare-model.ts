import { createHash } from 'node:crypto';
import { lstat, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { diskError } from '../checkpoint/disk-error.js';
import { identifySource, type SourceIdentity } from '../checkpoint/source-identity.js';
import { importModel, type ImportProgress } from '../import/import-model.js';
import { sweepImports } from '../leftovers/sweep.js';
import type { WeightScheme } from '../manifest.js';
import { plainModelName } from '../package/model-name.js';
import { openPackage, type ModelPackage } from '../package/open-package.js';
import { MANIFEST_FILE } from '../package/package-files.js';
import { parseSource } from '../pull/parse-source.js';
import { pullModel } from '../pull/pull-model.js';
import type { PullProgress } from '../pull/pull-types.js';

export interface PrepareOptions {
  /** Directory that keeps pulled checkpoints and imported packages. */
  home: string;
  weights: WeightScheme;
  signal?: AbortSignal;
  onPull?: (progress: PullProgress) => void;
  onImport?: (progress: ImportProgress) => void;
}

/** Counts layouts of what an import writes: a package imported by another version of this code is imported again. */
const IMPORT_GENERATION = 4;

/**
 * From a name to a model package that is ready to load: pulls what is missing, imports it once, and finds it again the
 * next time without the network.
 *
 * @param source a model package, a checkpoint (directory or .gguf), or a name as `pullModel` takes it.
 * @throws AppError as `pullModel`, `importModel` and `openPackage` do.
 */
export async function prepareModel(source: string, options: PrepareOptions): Promise<ModelPackage> {
  if (await isPackage(source)) return openPackage(source);
  const checkpoint = await pullModel(source, {
    cacheDir: join(options.home, 'checkpoints'),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onPull ? { onProgress: options.onPull } : {}),
  });
  const name = modelName(source, checkpoint);
  const identity = await identifySource(checkpoint);
  const models = join(options.home, 'models');
  const out = join(models, `${name}-${options.weights}-${packageKey(checkpoint, identity)}`);
  await sweepImports(models);
  const existing = await openExisting(out);
  if (existing) return existing;
  const { weights, signal, onImport } = options;
  const progress = { ...(signal ? { signal } : {}), ...(onImport ? { onProgress: onImport } : {}) };
  await importModel({ source: checkpoint, out, weights, name, ...progress }, identity).catch((error: unknown) => {
    // Another process has been faster with the same checkpoint.
    if (AppError.from(error).reason !== 'PACKAGE_EXISTS') throw error;
  });
  return openPackage(out);
}

const REPLACEABLE = new Set(['PACKAGE_NOT_FOUND', 'PACKAGE_CORRUPT', 'PACKAGE_VERSION']);

async function isPackage(path: string): Promise<boolean> {
  return stat(join(path, MANIFEST_FILE)).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A package that was damaged, or written by another version, is made anew; it is only a cache of the checkpoint. */
async function openExisting(path: string): Promise<ModelPackage | null> {
  try {
    return await openPackage(path);
  } catch (error) {
    const { reason } = AppError.from(error);
    if (!REPLACEABLE.has(reason)) throw error;
    if ((await lstat(path).catch(() => null)) === null) return null;
    await rm(path, { recursive: true, force: true }).catch((cause: unknown) => {
      throw diskError(cause, 'The damaged model package', 'PACKAGE_NOT_WRITABLE');
    });
    return null;
  }
}

function modelName(source: string, checkpoint: string): string {
  if (parseSource(source).kind === 'known') return plainModelName(source);
  return plainModelName(repositoryOf(checkpoint) ?? basename(resolve(checkpoint)).replace(/\.gguf$/i, ''));
}

/** A hub's own cache names the directory of a checkpoint by its commit: models--owner--name/snapshots/commit. */
function repositoryOf(checkpoint: string): string | null {
  return /(?:^|\/)models--[^/]*?--([^/]+)\/snapshots\/[0-9a-f]{40}\/?$/.exec(checkpoint)?.[1] ?? null;
}

/** Changes when the checkpoint or the layout of imports does, so that an old package is never taken for a new one. */
function packageKey(path: string, identity: SourceIdentity): string {
  const facts = [IMPORT_GENERATION, resolve(path), identity.key].join('\n');
  return createHash('sha256').update(facts).digest('hex').slice(0, 16);
}
