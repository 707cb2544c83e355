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

  it.each(['../a', '/a', 'x/../../a', 'a\\b'])('a name that leads out of the folder is refused: %s', async (name) => {
    await expect(open([{ name, data: Buffer.from('abc') }])).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
  });

  it('an entry whose bytes are elsewhere is refused', async () => {
    const bytes = buildZip([{ name: 'a', data: Buffer.from('abc') }]);
    bytes.fill(0, 0, 4);
    const archive = await open(bytes);
    await expect(archive.extract(archive.entries[0]!, join(directory, 'a'))).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
    });
    await archive.close();
  });

  it('an entry of another method is refused by its number', async () => {
    const bytes = buildZip([{ name: 'a', data: Buffer.from('abc'), deflate: false }]);
    bytes.writeUInt16LE(93, bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 10);
    const archive = await open(bytes);
    await expect(archive.extract(archive.entries[0]!, join(directory, 'a'))).rejects.toMatchObject({
      reason: 'UNSUPPORTED_CHECKPOINT',
      message: expect.stringContaining('method 93'),
    });
    await archive.close();
  });

  it('more entries than the limit are refused before any is read', async () => {
    await expect(open(claimingEntries(65_536))).rejects.toMatchObject({
      reason: 'CHECKPOINT_LIMIT',
      message: expect.stringContaining('the number of its entries is over the limit of 65535'),
      details: { limit: 65_535 },
    });
  });

  it('a stop ends the writing', async () => {
    const archive = await open([{ name: 'a', data: new Uint8Array(1 << 24), deflate: false }]);
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(archive.extract(archive.entries[0]!, join(directory, 'a'), { signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await archive.close();
  });
});

/** An archive without a directory that claims to have one, in the 64-bit form: its records, as PKWARE's appnote (4.3.14 to 4.3.16) lays them out. */
function claimingEntries(count: number): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.fill(0xff, 8, 20);
  return Buffer.concat([record, locator, end]);
}
