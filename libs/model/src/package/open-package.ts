import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { isJsonObject, parseJsonObject } from '../checkpoint/json-object.js';
import { openRegularFile, readWholeFile, type RegularFile } from '../checkpoint/regular-file.js';
import { PACKAGE_VERSION, type ModelManifest } from '../manifest.js';
import { fingerprintManifest } from './fingerprint.js';
import { manifestSchema } from './manifest-schema.js';
import { MANIFEST_FILE, REQUIRED_FILES, SMALL_FILES, WEIGHTS_FILE } from './package-files.js';

export interface OpenPackageOptions {
  /** Compare the SHA-256 of the weights as well; that of every other file is always compared. */
  verify?: boolean;
  signal?: AbortSignal;
  /** Awaited before each piece of a digest, a quarter of a megabyte: who verifies beside other work gives way here. */
  turn?: () => Promise<void>;
}

export interface ModelPackage {
  manifest: ModelManifest;
  /** Absolute path of the package. */
  dir: string;
}

const FORMAT = 'longhaul-model';
/** Read at once for a digest: small enough that hashing it holds nobody up. */
const DIGEST_BYTES = 256 * 1024;

export function corruptPackage(path: string, problem: string, cause?: unknown): AppError {
  return new AppError({
    code: 'DATA_LOSS',
    reason: 'PACKAGE_CORRUPT',
    message: `Model package file ${path} ${problem}; import the model again.`,
    cause,
  });
}

async function readManifestJson(path: string): Promise<unknown> {
  let bytes: Uint8Array | null;
  try {
    bytes = await readWholeFile(path, 'manifest');
  } catch (cause) {
    throw corruptPackage(path, `cannot be read: ${AppError.from(cause).message.replace(/\.$/, '')}`, cause);
  }
  if (bytes === null) {
    throw new AppError({
      code: 'NOT_FOUND',
      reason: 'PACKAGE_NOT_FOUND',
      message: `No model package: ${path} is not there.`,
    });
  }
  try {
    return parseJsonObject(MANIFEST_FILE, bytes);
  } catch (cause) {
    throw corruptPackage(path, 'is not valid JSON', cause);
  }
}

function refuseOtherVersion(json: unknown, path: string): void {
  const { format, version } = isJsonObject(json) ? json : {};
  if (format !== FORMAT) throw corruptPackage(path, `is not the manifest of a model package (format ${FORMAT})`);
  if (version === PACKAGE_VERSION) return;
  throw new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'PACKAGE_VERSION',
    message: `Model package ${path} has version ${JSON.stringify(version)}, this release reads version ${PACKAGE_VERSION}; make it anew: \`longhaul model prepare <name>\` for a model by its name, \`longhaul model import <checkpoint> --out <dir>\` for a checkpoint.`,
  });
}

/**
 * The manifest that `json` is.
 *
 * @param path for messages.
 * @throws AppError `PACKAGE_VERSION`, `PACKAGE_CORRUPT` naming what is wrong.
 */
export function parseManifest(json: unknown, path: string): ModelManifest {
  refuseOtherVersion(json, path);
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw corruptPackage(path, `is damaged at ${issue?.path.join('.') ?? 'its root'} (${issue?.message ?? 'invalid'})`);
  }
  const manifest = parsed.data;
  assertConsistent(manifest, path);
  if (fingerprintManifest(manifest) !== manifest.fingerprint)
    throw corruptPackage(path, 'does not match its fingerprint');
  return manifest;
}

function assertConsistent(manifest: ModelManifest, path: string): void {
  const { shape, layerAttention, ropeClasses, tokenizer, weights, files } = manifest;
  if (layerAttention.length !== shape.layers) throw corruptPackage(path, 'does not describe every layer');
  if (layerAttention.some((layer) => (layer.ropeClass ?? 0) >= ropeClasses.length)) {
    throw corruptPackage(path, 'refers to a rope class that it does not have');
  }
  if (shape.heads % shape.kvHeads !== 0) throw corruptPackage(path, 'has key heads that do not divide its heads');
  const ids = [...tokenizer.eosTokenIds, ...(tokenizer.bosTokenId === null ? [] : [tokenizer.bosTokenId])];
  if (ids.some((id) => id >= shape.vocabSize))
    throw corruptPackage(path, 'names a special token outside its vocabulary');
  const { scaling, dim } = ropeClasses.find(({ scaling: { kind } }) => kind === 'longrope') ?? {};
  if (scaling?.kind === 'longrope' && dim !== undefined) {
    const lengths = [scaling.shortFactor.length, scaling.longFactor.length];
    if (lengths.some((length) => length !== dim / 2))
      throw corruptPackage(path, 'has another number of rope factors than pairs');
  }
  const stored = files[WEIGHTS_FILE];
  if (stored && (stored.bytes !== weights.bytes || stored.sha256 !== weights.sha256)) {
    throw corruptPackage(path, 'names two different weights');
  }
}

async function digest({ handle }: RegularFile, { signal, turn }: OpenPackageOptions): Promise<string> {
  const hash = createHash('sha256');
  // One buffer for the whole file: a stream would leave as much garbage behind as the file is long.
  const buffer = Buffer.alloc(DIGEST_BYTES);
  for (let at = 0; ;) {
    await turn?.();
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function checkFiles(dir: string, manifest: ModelManifest, options: OpenPackageOptions): Promise<void> {
  for (const name of REQUIRED_FILES) {
    if (!Object.hasOwn(manifest.files, name)) throw corruptPackage(join(dir, MANIFEST_FILE), `does not list ${name}`);
  }
  for (const [name, expected] of Object.entries(manifest.files)) {
    if (name !== basenameOf(name))
      throw corruptPackage(join(dir, MANIFEST_FILE), `lists a file outside the package: ${name}`);
    // Weights are read whole only when that is asked for; everything else is small beside them.
    const whole = options.verify === true || name !== WEIGHTS_FILE;
    await checkFile(join(dir, name), expected, whole ? options : null);
  }
}

async function checkFile(
  path: string,
  expected: { bytes: number; sha256: string },
  options: OpenPackageOptions | null,
): Promise<void> {
  const file = await openListed(path);
  try {
    const { size } = file.stats;
    if (size !== BigInt(expected.bytes)) throw corruptPackage(path, `has ${size} bytes instead of ${expected.bytes}`);
    if (options && (await digest(file, options)) !== expected.sha256) throw corruptPackage(path, 'has other contents');
  } finally {
    await file.handle.close();
  }
}

async function openListed(path: string): Promise<RegularFile> {
  let file: RegularFile | null;
  try {
    file = await openRegularFile(path);
  } catch (cause) {
    throw corruptPackage(path, `cannot be read: ${AppError.from(cause).message.replace(/\.$/, '')}`, cause);
  }
  if (file === null) throw corruptPackage(path, 'is missing');
  return file;
}

/**
 * Reads one of the small files of an open package whole, and compares what was read with its digest.
 *
 * @param name one of `SMALL_FILES` that the manifest lists.
 * @throws AppError `PACKAGE_CORRUPT` naming the file.
 */
export async function readPackageFile({ dir, manifest }: ModelPackage, name: string): Promise<Uint8Array> {
  const path = join(dir, name);
  const kind = SMALL_FILES[name];
  const expected = manifest.files[name];
  if (kind === undefined || expected === undefined) throw corruptPackage(path, 'is not listed in the manifest');
  const bytes = await readWholeFile(path, kind);
  if (bytes === null) throw corruptPackage(path, 'is missing');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== expected.sha256) throw corruptPackage(path, 'has other contents');
  return bytes;
}

function basenameOf(name: string): string {
  return name.split(/[\\/]/).at(-1) ?? name;
}

/**
 * Opens a model package: reads its manifest, and checks that every file is there in its right size and, but for the
 * weights, with its right contents.
 *
 * @param options `verify: true` checks the contents of the weights as well, at the cost of reading everything once.
 * @throws AppError `PACKAGE_NOT_FOUND`; `PACKAGE_VERSION` for another version; `PACKAGE_CORRUPT` naming the file.
 */
export async function openPackage(dir: string, options: OpenPackageOptions = {}): Promise<ModelPackage> {
  const root = resolve(dir);
  const path = join(root, MANIFEST_FILE);
  const manifest = parseManifest(await readManifestJson(path), path);
  await checkFiles(root, manifest, options);
  return { manifest, dir: root };
}
