import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { makeDirectory } from '@longhaul/files';
import { importCheckpoint, type ImportOptions } from '../src/import/import-model.js';
import { importModel, openPackage, prepareModel, type Checkpoint } from '../src/index.js';
import { plainModelName } from '../src/package/model-name.js';
import { fakeCheckpoint } from './fake-checkpoint.js';
import { copyCheckpoint } from './support/tiny-checkpoint.js';

let work = '';
let out = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'faults-'));
  out = join(work, 'tiny');
});
afterEach(() => rm(work, { recursive: true, force: true }));

const importTiny = (options: Partial<ImportOptions> = {}, checkpoint: Checkpoint = fakeCheckpoint()) =>
  importCheckpoint(checkpoint, { source: 's', out, weights: 'int8', ...options });

async function failure(outcome: Promise<unknown>): Promise<AppError> {
  const error: unknown = await outcome.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(AppError.isInstance(error)).toBe(true);
  return error as AppError;
}

/** A checkpoint from which one tensor cannot be read, or comes otherwise. */
function changed(name: string, read: (rows: Float32Array) => Float32Array): Checkpoint {
  const checkpoint = fakeCheckpoint();
  return {
    ...checkpoint,
    readRows: async (tensor, first, count) => {
      const rows = await checkpoint.readRows(tensor, first, count);
      return tensor === name ? read(rows) : rows;
    },
  };
}

describe('a disk that takes no package', () => {
  const UP = 'model.layers.1.mlp.up_proj.weight';

  it.each([
    ['ENOSPC', 'RESOURCE_EXHAUSTED', /disk is full; free some space/],
    ['EDQUOT', 'RESOURCE_EXHAUSTED', /quota/],
    ['EROFS', 'FAILED_PRECONDITION', /read-only/],
    ['EIO', 'FAILED_PRECONDITION', /does not work properly/],
    ['EMFILE', 'FAILED_PRECONDITION', /too many files/],
  ])('ends the import with what to do, and leaves nothing (%s)', async (code, status, message) => {
    const full = changed(UP, () => {
      throw Object.assign(new Error('x'), { code });
    });
    const error = await failure(importTiny({}, full));
    expect(error).toMatchObject({ code: status, reason: 'PACKAGE_NOT_WRITABLE' });
    expect(error.message).toMatch(message);
    expect(await readdir(work)).toEqual([]);
  });

  it.each([
    ['a file', (path: string) => writeFile(path, 'x')],
    ['a link to nothing', (path: string) => symlink(join(work, 'nothing'), path)],
    ['a link to itself', (path: string) => symlink(path, path)],
  ])('for its home is %s is named with the path', async (_what, put) => {
    const home = join(work, 'home');
    await put(home);
    const source = await copyCheckpoint(join(work, 'm'));
    const error = await failure(prepareModel(source, { home, weights: 'int8' }));
    expect(error.reason).toBe('PACKAGE_NOT_WRITABLE');
    expect(error.message).toContain(home);
  });

  it('for it refuses every name ends, and says so', async () => {
    if (process.platform !== 'linux') return;
    const source = await copyCheckpoint(join(work, 'm'));
    for (const home of ['/proc', '/proc/self/none/deeper']) {
      const error = await failure(prepareModel(source, { home, weights: 'int8' }));
      expect(error.reason).toBe('PACKAGE_NOT_WRITABLE');
      expect(error.message).toContain('/proc');
    }
  });

  it('for nobody may write there is named', async () => {
    if (process.getuid?.() === 0) return;
    await chmod(work, 0o500);
    const error = await failure(importTiny());
    await chmod(work, 0o700);
    expect(error.message).toMatch(/may not write there/);
  });

  it('is not needed while a package is there', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    const home = join(work, 'home');
    const { dir } = await prepareModel(source, { home, weights: 'int8' });
    await chmod(join(home, 'models'), 0o500);
    expect((await prepareModel(source, { home, weights: 'int8' })).dir).toBe(dir);
    await chmod(join(home, 'models'), 0o700);
  });
});

describe('a directory', () => {
  it('is made with those above it, also by several at once, and may be there', async () => {
    const path = join(work, 'a', 'b', 'c');
    await Promise.all([0, 1, 2, 3].map(() => makeDirectory(path)));
    await makeDirectory(path);
    await writeFile(join(path, 'f'), 'x');
    await expect(makeDirectory(join(path, 'f'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeDirectory(join(path, 'f', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('a killed import', () => {
  it('leaves nothing behind the next one', async () => {
    const left = join(work, '.other-int8.partial-0123456789ab');
    await mkdir(left);
    await writeFile(join(left, '.owner'), '999999999');
    await writeFile(join(left, 'weights.bin'), 'x');
    await importTiny();
    expect(await readdir(work)).toEqual(['tiny']);
    expect(await readdir(out)).not.toContain('.owner');
  });
});

describe('the name of a model', () => {
  it.each(['', ' ', ' a', 'a ', 'a\nb', 'a\u0000', 'a\u2028b', '\u200b', '\ud800', 'x'.repeat(201)])(
    'is refused when it is not printable or too long (%j)',
    async (name) => {
      const error = await failure(importTiny({ name }));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'name' });
      expect(error.message).toMatch(/1 to 200 printable characters/);
      expect(await readdir(work)).toEqual([]);
    },
  );

  it.each(['__proto__', 'constructor', '..', 'owner/name', 'a:b', '模型', 'x'.repeat(200)])(
    'may be anything that can be shown (%j)',
    async (name) => {
      await importTiny({ name });
      expect((await openPackage(out)).manifest.name).toBe(name);
    },
  );

  it.each([
    ['__proto__', '__proto__'],
    ['..', 'model'],
    ['.hidden', 'hidden'],
    ['A B\n/C', 'a-b-c'],
    ['模型', 'model'],
    ['x'.repeat(300), 'x'.repeat(100)],
  ])('of a directory is plain (%j)', (text, name) => {
    expect(plainModelName(text)).toBe(name);
  });

  it.each(['__proto__', 'constructor', 'x'.repeat(250), 'a\nb', ' '])('may be a directory called %j', async (name) => {
    const source = await copyCheckpoint(join(work, name));
    const { dir, manifest } = await prepareModel(source, { home: join(work, 'h'), weights: 'int8' });
    expect(manifest.name).toBe(plainModelName(name));
    await openPackage(dir);
  });
});

describe('a weight', () => {
  it.each(['int8', 'int4'] as const)('that has no scale in %s is refused by its name', async (weights) => {
    const name = 'model.layers.0.mlp.up_proj.weight';
    const error = await failure(
      importTiny(
        { weights },
        changed(name, (rows) => rows.map((value) => value * 1e30)),
      ),
    );
    expect(error).toMatchObject({ reason: 'TENSOR_TOO_LARGE' });
    expect(error.message).toContain(name);
    expect(await readdir(work)).toEqual([]);
  });
});

it('a source that is not there is told as such', async () => {
  const error = await failure(importModel({ source: join(work, 'none'), out, weights: 'int8' }));
  expect(error).toMatchObject({ code: 'NOT_FOUND', reason: 'CHECKPOINT_NOT_FOUND' });
});
