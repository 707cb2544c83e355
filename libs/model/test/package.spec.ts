import { mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { fakeCheckpoint } from './fake-checkpoint.js';
import { importCheckpoint, type ImportOptions } from '../src/import/import-model.js';
import { fingerprintManifest } from '../src/package/fingerprint.js';
import { openPackage } from '../src/package/open-package.js';

let work = '';
let out = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'longhaul-package-'));
  out = join(work, 'tiny');
});
afterEach(() => rm(work, { recursive: true, force: true }));

const importTiny = (options: Partial<ImportOptions> = {}) =>
  importCheckpoint(fakeCheckpoint(), { source: 'tiny-source', out, weights: 'int8', ...options });

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return AppError.isInstance(error) ? `${error.reason} ${error.message}` : String(error);
}

async function editManifest(edit: (manifest: Record<string, unknown>) => void): Promise<void> {
  const path = join(out, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  edit(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

describe('openPackage', () => {
  it('gives back what was imported', async () => {
    const manifest = await importTiny();
    expect(await openPackage(out, { verify: true })).toEqual({ manifest, dir: out });
    expect(manifest).toMatchObject({ name: 'tiny', family: 'qwen2', source: 'tiny-source' });
  });

  it('refuses another version, says which and names the command that makes it anew', async () => {
    await importTiny();
    await editManifest((manifest) => (manifest['version'] = 1));
    expect(await reasonOf(openPackage(out))).toMatch(
      /^PACKAGE_VERSION .* has version 1, this release reads version 2; make it anew: `longhaul model prepare/,
    );
  });

  it.each(['weights.bin', 'weights.json', 'tokenizer.json'])('names %s when it is cut short', async (file) => {
    await importTiny();
    await truncate(join(out, file), 7);
    expect(await reasonOf(openPackage(out))).toMatch(new RegExp(`^PACKAGE_CORRUPT .*${file} has 7 bytes instead of`));
  });

  it('names a file that is missing', async () => {
    await importTiny();
    await unlink(join(out, 'tokenizer_config.json'));
    expect(await reasonOf(openPackage(out))).toMatch(/^PACKAGE_CORRUPT .*tokenizer_config.json is missing/);
  });

  it('finds a changed byte when it verifies, and only then', async () => {
    await importTiny();
    const path = join(out, 'weights.bin');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await openPackage(out);
    expect(await reasonOf(openPackage(out, { verify: true }))).toMatch(/^PACKAGE_CORRUPT .*weights.bin has other/);
  });

  it.each([
    ['a changed rope base', { ropeClasses: [{ theta: 5, dim: 32, scaling: { kind: 'default' } }] }, /fingerprint/],
    ['a layer too few', { layerAttention: [] }, /every layer/],
    ['a rope class that is not there', { layerAttention: Array(2).fill({ ropeClass: 7, window: null }) }, /rope class/],
    ['a file elsewhere', { files: { '../x': { bytes: 1, sha256: 'a'.repeat(64) } } }, /PACKAGE_CORRUPT/],
    ['a wrong type', { contextLength: '8192' }, /damaged at contextLength/],
    ['another format', { format: 'x' }, /is not the manifest/],
  ])('refuses a manifest with %s', async (_, change, message) => {
    await importTiny();
    await editManifest((manifest) => Object.assign(manifest, change));
    expect(await reasonOf(openPackage(out))).toMatch(message);
  });

  it('refuses what is not JSON, and what is not there', async () => {
    await importTiny();
    await writeFile(join(out, 'manifest.json'), '{');
    expect(await reasonOf(openPackage(out))).toMatch(/^PACKAGE_CORRUPT/);
    expect(await reasonOf(openPackage(join(work, 'none')))).toMatch(/^PACKAGE_NOT_FOUND/);
  });
});

describe('importCheckpoint', () => {
  it('gives the same fingerprint for the same model, whatever its name', async () => {
    const one = await importTiny();
    const two = await importTiny({ out: join(work, 'other'), name: 'x' });
    const three = await importTiny({ out: join(work, 'third'), weights: 'f32' });
    expect(two.fingerprint).toBe(one.fingerprint);
    expect(three.fingerprint).not.toBe(one.fingerprint);
  });

  it('never writes over anything', async () => {
    await importTiny();
    expect(await reasonOf(importTiny())).toMatch(/^PACKAGE_EXISTS/);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const abort = new AbortController();
    const onProgress = () => abort.abort();
    expect(await reasonOf(importTiny({ signal: abort.signal, onProgress }))).toMatch(/^CANCELLED/);
    expect(await readdir(work)).toEqual([]);
  });

  it('reports progress that only grows, up to the size of the weights', async () => {
    const seen: number[] = [];
    const manifest = await importTiny({ onProgress: ({ doneBytes }) => seen.push(doneBytes) });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(manifest.weights.bytes);
  });

  it('names a tensor that holds a value that is not finite, and leaves nothing behind', async () => {
    for (const weights of ['f32', 'int8', 'int4'] as const) {
      const poisoned = fakeCheckpoint({ poison: 'model.layers.1.mlp.up_proj.weight' });
      const failed = importCheckpoint(poisoned, { source: 's', out, weights });
      expect(await reasonOf(failed)).toMatch(/^TENSOR_NOT_FINITE Tensor model.layers.1.mlp.up_proj.weight/);
    }
    expect(await readdir(work)).toEqual([]);
  });

  it('takes end tokens from all three places, and the sampling defaults, top_k up to the vocabulary', async () => {
    const manifest = await importTiny();
    expect(manifest.tokenizer).toMatchObject({ bosTokenId: 1, eosTokenIds: [5, 2, 4], addBos: true });
    expect(manifest.generation).toEqual({ temperature: 0.7, topP: 0.8, topK: 8 });
  });
});

describe('a fingerprint', () => {
  it('does not depend on the order of fields, nor on what is undefined', async () => {
    const manifest = await importTiny();
    const turned = Object.fromEntries(Object.entries(manifest).reverse()) as typeof manifest;
    const shape = { ...manifest.shape, surprise: undefined };
    expect(fingerprintManifest({ ...turned, shape })).toBe(manifest.fingerprint);
  });
});
