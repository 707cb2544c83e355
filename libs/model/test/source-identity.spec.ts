import { readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdir, open, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { importModel, openPackage, prepareModel } from '../src/index.js';
import { identifySource, WHOLE_DIGEST_BYTES } from '../src/checkpoint/source-identity.js';
import { copyCheckpoint, workDirectory } from './support/tiny-checkpoint.js';

let work = '';
beforeEach(async () => {
  work = await workDirectory();
});
afterEach(() => rm(work, { recursive: true, force: true }));

/** Changes one byte in the middle and leaves size and times as they were. */
async function rewriteInSecret(path: string): Promise<void> {
  const { atime, mtime, size } = await stat(path);
  await using file = await open(path, 'r+');
  const at = size - 3;
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  // Within the digits of a JSON number or the bits of a weight: the file stays readable or not, it is another one.
  byte[0] = (byte[0] as number) ^ 1;
  await file.write(byte, 0, 1, at);
  await utimes(path, atime, mtime);
}

const key = async (path: string): Promise<string> => (await identifySource(path)).key;

describe('the identity of a source', () => {
  it('stays the same while nothing changes', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    expect(await identifySource(source)).toEqual(await identifySource(source));
  });

  it.each([
    ['llama', 'config.json'],
    ['llama', 'generation_config.json'],
    ['llama', 'tokenizer.json'],
    ['llama', 'tokenizer_config.json'],
    ['llama', 'model.safetensors'],
    ['llama-sharded', 'model.safetensors.index.json'],
    ['llama-sharded', 'model-00003-of-00004.safetensors'],
  ])('covers every file that goes in, also with size and time kept (%s, %s)', async (model, name) => {
    const source = await copyCheckpoint(join(work, 'm'), model);
    const before = await key(source);
    await rewriteInSecret(join(source, name));
    expect(await key(source)).not.toBe(before);
  });

  it('sees a chat template that comes, a file of another time, and a file that was replaced by its like', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    const keys = [await key(source)];
    await writeFile(join(source, 'chat_template.jinja'), 'x');
    keys.push(await key(source));
    await utimes(join(source, 'config.json'), 1, 1);
    keys.push(await key(source));
    await cp(join(source, 'config.json'), join(source, 'copy'), { preserveTimestamps: true });
    await rename(join(source, 'copy'), join(source, 'config.json'));
    keys.push(await key(source));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('sees where the links of a snapshot lead', async () => {
    const first = await copyCheckpoint(join(work, 'first'));
    const second = await copyCheckpoint(join(work, 'second'));
    const snapshot = join(work, 'snapshot');
    await mkdir(snapshot);
    await symlink(join(first, 'config.json'), join(snapshot, 'config.json'));
    const before = await key(snapshot);
    await rm(join(snapshot, 'config.json'));
    await symlink(join(second, 'config.json'), join(snapshot, 'config.json'));
    expect(await key(snapshot)).not.toBe(before);
  });

  it('names the revision of a pulled checkpoint', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    const receipt = (commit: string): string =>
      JSON.stringify({
        format: 'longhaul-pull',
        source: `hf:a/b@${commit}`,
        entry: '.',
        files: [{ name: 'config.json', bytes: 1, sha256: 'x' }],
      });
    await writeFile(join(source, '.longhaul-pull.json'), receipt('1'));
    const before = await key(source);
    await writeFile(join(source, '.longhaul-pull.json'), receipt('2'));
    expect(await key(source)).not.toBe(before);
  });

  it('of a large file sees its head, its end and pieces between', async () => {
    const path = join(work, 'm.gguf');
    const size = WHOLE_DIGEST_BYTES + 2 ** 20;
    await using file = await open(path, 'w');
    await file.truncate(size);
    const keys = [await key(path)];
    for (const at of [100, 8 * 2 ** 20 + 5, size - 1]) {
      await file.write(Buffer.from([1]), 0, 1, at);
      await utimes(path, 1, 1);
      keys.push(await key(path));
    }
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('preparing a local checkpoint', () => {
  const prepare = (source: string) => prepareModel(source, { home: join(work, 'home'), weights: 'int8' });

  it('uses the package again while nothing changes, and imports a rewritten checkpoint anew', async () => {
    const source = await copyCheckpoint(join(work, 'tiny'));
    const first = await prepare(source);
    expect((await prepare(source)).dir).toBe(first.dir);
    await rewriteInSecret(join(source, 'model.safetensors'));
    const second = await prepare(source);
    expect(second.dir).not.toBe(first.dir);
    expect(second.manifest.fingerprint).not.toBe(first.manifest.fingerprint);
    expect(second.manifest.name).toBe('tiny');
  });

  it('makes a package anew whose own small files were changed', async () => {
    const source = await copyCheckpoint(join(work, 'tiny'));
    const { dir, manifest } = await prepare(source);
    for (const name of ['weights.json', 'tokenizer.json', 'tokenizer_config.json', 'manifest.json']) {
      await rewriteInSecret(join(dir, name));
      if (name !== 'manifest.json') {
        await expect(openPackage(dir)).rejects.toMatchObject({
          reason: 'PACKAGE_CORRUPT',
          message: expect.stringContaining(name),
        });
      }
      expect((await prepare(source)).manifest.fingerprint).toBe(manifest.fingerprint);
      await openPackage(dir, { verify: true });
    }
  });
});

describe('a package of another version', () => {
  it('is imported again by who prepares it, and refused by who only opens it', async () => {
    const source = await copyCheckpoint(join(work, 'tiny'));
    const options = { home: join(work, 'home'), weights: 'int8' } as const;
    const { dir, manifest } = await prepareModel(source, options);
    const path = join(dir, 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"version": 2', '"version": 1'));
    await expect(openPackage(dir)).rejects.toMatchObject({ reason: 'PACKAGE_VERSION' });
    await expect(prepareModel(dir, options)).rejects.toMatchObject({ reason: 'PACKAGE_VERSION' });
    expect((await prepareModel(source, options)).manifest.fingerprint).toBe(manifest.fingerprint);
    await openPackage(dir, { verify: true });
  });
});

describe('a source that changes while it is imported', () => {
  it.each(['config.json', 'tokenizer.json', 'model.safetensors'])('is refused (%s)', async (name) => {
    const source = await copyCheckpoint(join(work, 'tiny'));
    let changed = false;
    const out = join(work, 'out');
    const importing = importModel({
      source,
      out,
      weights: 'int8',
      onProgress: ({ doneBytes, totalBytes }) => {
        if (doneBytes !== totalBytes || changed) return;
        changed = true;
        // At once, before the import can look again.
        writeFileSync(join(source, name), readFileSync(join(source, name)));
      },
    });
    await expect(importing).rejects.toMatchObject({ reason: 'SOURCE_CHANGED' });
    await expect(openPackage(out)).rejects.toMatchObject({ reason: 'PACKAGE_NOT_FOUND' });
  });
});
