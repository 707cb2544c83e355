import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildZip, type ZipContent } from '../../test/support/build-zip.js';
import { ZipArchive } from './zip-archive.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'zip-'));
});

afterEach(() => rm(directory, { recursive: true }));

async function open(content: readonly ZipContent[] | Uint8Array): Promise<ZipArchive> {
  const path = join(directory, 'a.whl');
  await writeFile(path, content instanceof Uint8Array ? content : buildZip(content));
  return ZipArchive.open(path);
}

describe('ZipArchive', () => {
  it.each([true, false])('extracts what was put in (deflated: %s)', async (deflate) => {
    const data = Buffer.from('abc'.repeat(50_000));
    const archive = await open([
      { name: 'x/empty', data: new Uint8Array(0), deflate },
      { name: 'x/full', data, deflate },
    ]);
    for (const entry of archive.entries) await archive.extract(entry, join(directory, entry.name.slice(2)));
    expect(await readFile(join(directory, 'full'))).toEqual(data);
    expect(await readFile(join(directory, 'empty'))).toHaveLength(0);
    await archive.close();
  });

  it('a wrong checksum is an error', async () => {
    const archive = await open([{ name: 'a', data: Buffer.from('abc'), crc: 1 }]);
    await expect(archive.extract(archive.entries[0]!, join(directory, 'a'))).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
    });
    await archive.close();
  });

  it('a file that grows past its stated size is stopped', async () => {
    const archive = await open([{ name: 'a', data: new Uint8Array(1 << 22) }]);
    const entry = { ...archive.entries[0]!, bytes: 10 };
    await expect(archive.extract(entry, join(directory, 'a'))).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
    await archive.close();
  });

  it('what is no zip file is refused', async () => {
    await expect(open(new Uint8Array(100))).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
    const whole = buildZip([{ name: 'a', data: Buffer.from('abc') }]);
    await expect(open(whole.subarray(0, whole.length - 10))).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
  });
});
