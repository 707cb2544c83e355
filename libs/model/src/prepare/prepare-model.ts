import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { importModel, type ImportProgress } from '../import/import-model.js';
import type { WeightScheme } from '../manifest.js';
import { openPackage, type ModelPackage } from '../package/open-package.js';
import { MANIFEST_FILE } from '../package/package-files.js';
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
const IMPORT_GENERATION = 2;

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
  const out = join(options.home, 'models', `${name}-${options.weights}-${await checkpointKey(checkpoint)}`);
  const existing = await openExisting(out);
  if (existing) return existing;
  await importModel({
    source: checkpoint,
    out,
    weights: options.weights,
    name,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onImport ? { onProgress: options.onImport } : {}),
  }).catch((error: unknown) => {
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
    await rm(path, { recursive: true, force: true });
    return null;
  }
}

function modelName(source: string, checkpoint: string): string {
  const last = /[:/]/.test(source) ? basename(checkpoint).replace(/\.gguf$/i, '') : source;
  return last.replace(/[^A-Za-z0-9._-]+/g, '-').toLowerCase() || 'model';
}

/** Changes when the checkpoint's file or the layout of imports does, so that an old package is never taken for a new one. */
async function checkpointKey(path: string): Promise<string> {
  const target = await stat(path);
  const config = target.isDirectory() ? await stat(join(path, 'config.json')).catch(() => target) : target;
  const facts = [IMPORT_GENERATION, resolve(path), config.size, config.mtimeMs].join('\n');
  return createHash('sha256').update(facts).digest('hex').slice(0, 12);
}
