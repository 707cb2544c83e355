import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import type { ModelManifest } from '../manifest.js';
import { fingerprintManifest } from './fingerprint.js';
import { manifestSchema } from './manifest-schema.js';
import { MANIFEST_FILE, REQUIRED_FILES } from './package-files.js';

export interface OpenPackageOptions {
  /** Read every file and compare its SHA-256; otherwise sizes alone are compared. */
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
const VERSION = 1;
/** Read at once for a digest: small enough that hashing it holds nobody up. */
const DIGEST_BYTES = 256 * 1024;

function corrupt(path: string, problem: string, cause?: unknown): AppError {
  return new AppError({
    code: 'DATA_LOSS',
    reason: 'PACKAGE_CORRUPT',
    message: `Model package file ${path} ${problem}; import the model again.`,
    cause,
  });
}

async function readManifestJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError({
      code: 'NOT_FOUND',
      reason: 'PACKAGE_NOT_FOUND',
      message: `No model package: ${path} cannot be read.`,
      cause,
    });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt(path, 'is not valid JSON', cause);
  }
}

function refuseOtherVersion(json: unknown, path: string): void {
  const { format, version } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  if (format !== FORMAT) throw corrupt(path, `is not the manifest of a model package (format ${FORMAT})`);
  if (version === VERSION) return;
  throw new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'PACKAGE_VERSION',
    message: `Model package ${path} has version ${JSON.stringify(version)}, this release reads version ${VERSION}; import the model again.`,
  });
}

function parseManifest(json: unknown, path: string): ModelManifest {
  refuseOtherVersion(json, path);
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw corrupt(path, `is damaged at ${issue?.path.join('.') ?? 'its root'} (${issue?.message ?? 'invalid'})`);
  }
  const manifest = parsed.data;
  if (manifest.layerAttention.length !== manifest.shape.layers) throw corrupt(path, 'does not describe every layer');
  if (manifest.layerAttention.some((layer) => (layer.ropeClass ?? 0) >= manifest.ropeClasses.length)) {
    throw corrupt(path, 'refers to a rope class that it does not have');
  }
  if (fingerprintManifest(manifest) !== manifest.fingerprint) throw corrupt(path, 'does not match its fingerprint');
  return manifest;
}

async function digest(path: string, { signal, turn }: OpenPackageOptions): Promise<string> {
  const hash = createHash('sha256');
  // One buffer for the whole file: a stream would leave as much garbage behind as the file is long.
  const buffer = Buffer.alloc(DIGEST_BYTES);
  const file = await open(path, 'r');
  try {
    for (;;) {
      await turn?.();
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function checkFiles(dir: string, manifest: ModelManifest, options: OpenPackageOptions): Promise<void> {
  for (const name of REQUIRED_FILES) {
    if (!Object.hasOwn(manifest.files, name)) throw corrupt(join(dir, MANIFEST_FILE), `does not list ${name}`);
  }
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const path = join(dir, name);
    if (name !== basenameOf(name)) throw corrupt(join(dir, MANIFEST_FILE), `lists a file outside the package: ${name}`);
    const found = await stat(path).catch((cause: unknown) => {
      throw corrupt(path, 'is missing', cause);
    });
    if (found.size !== bytes) throw corrupt(path, `has ${found.size} bytes instead of ${bytes}`);
    if (options.verify && (await digest(path, options)) !== sha256) throw corrupt(path, 'has other contents');
  }
}

function basenameOf(name: string): string {
  return name.split(/[\\/]/).at(-1) ?? name;
}

/**
 * Opens a model package: reads its manifest, and checks that every file is there in its right size.
 *
 * @param options `verify: true` checks the contents as well, at the cost of reading everything once.
 * @throws AppError `PACKAGE_NOT_FOUND`; `PACKAGE_VERSION` for another version; `PACKAGE_CORRUPT` naming the file.
 */
export async function openPackage(dir: string, options: OpenPackageOptions = {}): Promise<ModelPackage> {
  const root = resolve(dir);
  const path = join(root, MANIFEST_FILE);
  const manifest = parseManifest(await readManifestJson(path), path);
  await checkFiles(root, manifest, options);
  return { manifest, dir: root };
}
