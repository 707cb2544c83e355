import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeDirectory, makePrivateDirectory } from './index.js';

let folder = '';
let umask = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-files-'));
  umask = process.umask(0o022);
});
afterEach(async () => {
  process.umask(umask);
  await rm(folder, { recursive: true });
});

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('making a directory', () => {
  it('makes those above it, for several at once', async () => {
    const path = join(folder, 'a', 'b', 'c');
    await Promise.all([0, 1, 2, 3].map(() => makeDirectory(path)));
    expect((await stat(path)).isDirectory()).toBe(true);
    await makeDirectory(path);
  });

  it('says what is in the way', async () => {
    await writeFile(join(folder, 'f'), '');
    await expect(makeDirectory(join(folder, 'f'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makePrivateDirectory(join(folder, 'f', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('returns where a name is refused as if it were missing', async () => {
    await expect(makeDirectory('/proc/longhaul/x')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(makePrivateDirectory('/proc/longhaul/x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it("makes a private one and those above it its owner's alone, whatever the umask", async () => {
    process.umask(0o277);
    await makePrivateDirectory(join(folder, 'own'));
    expect(await modeOf(join(folder, 'own'))).toBe(0o700);
    process.umask(0o022);
    await makePrivateDirectory(join(folder, 'a', 'b'));
    expect([await modeOf(join(folder, 'a')), await modeOf(join(folder, 'a', 'b'))]).toEqual([0o700, 0o700]);
  });

  it('leaves the rights of one that is there', async () => {
    await makeDirectory(join(folder, 'open'));
    await chmod(join(folder, 'open'), 0o755);
    await makePrivateDirectory(join(folder, 'open'));
    expect(await modeOf(join(folder, 'open'))).toBe(0o755);
  });
});
