import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chain, kv, kvFolder, kvJson, openFolder, type ChainBlock } from './kv-folder.js';

/** Of a block of these tests in the log. */
const RECORD_BYTES = Math.ceil((72 + (chain('tenant-a', 1)[0]?.object.length ?? 0)) / 4096) * 4096;

const hex = (key: Uint8Array) => Buffer.from(key).toString('hex');

describe('longhaul kv on a directory', () => {
  let folder: ReturnType<typeof kvFolder>;
  let own: ChainBlock[];
  let other: ChainBlock[];

  beforeEach(async () => {
    folder = kvFolder();
    own = chain('tenant-a', 12);
    other = chain('tenant-b', 3);
    const tier = await openFolder(folder.path);
    for (const { key, object } of [...own, ...other]) await tier.put(key, object);
    await tier.remove([(other[2] as ChainBlock).key]);
    await tier.close();
  });
  afterEach(() => folder.dispose());

  const at = (blocks: readonly ChainBlock[], i: number) => blocks[i] as ChainBlock;

  /** Flips one bit of a stored object, `offset` bytes into it. */
  function damage({ object }: ChainBlock, offset: number): void {
    for (const name of readdirSync(folder.path)) {
      const path = join(folder.path, name);
      const bytes = readFileSync(path);
      const start = bytes.indexOf(object);
      if (start < 0) continue;
      bytes[start + offset] = (bytes[start + offset] as number) ^ 1;
      writeFileSync(path, bytes);
      return;
    }
    throw new Error('The block is in no file.');
  }

  it('lists each live block with what its header says', async () => {
    const { report, exitCode } = await kvJson('ls', '--kv-dir', folder.path);
    const { blocks } = report as { blocks: { key: string; bytes: number; block: { firstPosition: number } }[] };
    expect(exitCode).toBe(0);
    expect(blocks.map(({ key }) => key).sort()).toEqual(
      [...own, ...other.slice(0, 2)].map(({ key }) => hex(key)).sort(),
    );
    const third = blocks.find(({ key }) => key === hex(at(own, 2).key));
    expect(third).toMatchObject({
      state: 'live',
      bytes: at(own, 2).object.length,
      block: { firstPosition: 32, tokens: 16, quality: 'exact', deployEpoch: 1 },
    });
    const { text } = await kv('ls', '--kv-dir', folder.path);
    expect(text).toMatch(/^key +model +tenant +position/);
    expect(text).toContain('14 blocks');
  });

  it('shows one block by the beginning of its key, without its tokens', async () => {
    const { key, tokens, object } = at(own, 3);
    const { report, exitCode } = await kvJson('inspect', hex(key).slice(0, 12), '--kv-dir', folder.path);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      sound: true,
      trouble: null,
      bytes: object.length,
      header: {
        key: hex(key),
        parentKey: hex(at(own, 2).key),
        firstPosition: 48,
        tokens: 16,
        dtype: 'bf16 (K), bf16 (V)',
      },
    });
    expect((report as { sections: unknown[] }).sections).toHaveLength(6);
    expect(report).not.toHaveProperty('tokens');
    const { text } = await kv('inspect', hex(key), '--kv-dir', folder.path);
    expect(text).not.toContain(String(tokens[0]));
    expect(text).toMatch(/verdict +sound/);
    expect(text).toMatch(/signature +none/);
  });

  it('shows tokens when it is asked to', async () => {
    const { key, tokens } = at(own, 3);
    const { report } = await kvJson('inspect', hex(key), '--kv-dir', folder.path, '--tokens');
    expect(report).toHaveProperty('tokens', [...tokens]);
  });

  it('shows a block in a file of its own', async () => {
    const path = join(folder.path, 'one.kvb');
    writeFileSync(path, at(own, 0).object);
    expect(await kvJson('inspect', path)).toMatchObject({ exitCode: 0, report: { sound: true, source: path } });
    writeFileSync(path, at(own, 0).object.subarray(0, -1));
    expect(await kvJson('inspect', path)).toMatchObject({
      exitCode: 1,
      report: { sound: false, trouble: { fault: 'object_length' } },
    });
  });

  it('names the damaged section of a block', async () => {
    const { key, object } = at(own, 1);
    damage(at(own, 1), object.length - 4096);
    const { report, exitCode } = await kvJson('inspect', hex(key), '--kv-dir', folder.path);
    expect(exitCode).toBe(1);
    const { sections } = report as { sections: { sound: boolean }[] };
    expect(sections.filter(({ sound }) => !sound)).toHaveLength(1);
    expect(report).toMatchObject({ sound: false, trouble: { fault: 'section_crc' } });
  });

  it.each([['zz'], ['12345'], ['ffffffffffff']])('refuses what names no block: %s', async (word) => {
    await expect(kv('inspect', word, '--kv-dir', folder.path)).rejects.toThrow(/key|digits/);
  });

  it('finds nothing wrong with a directory that is sound', async () => {
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ sound: true, repaired: false, blocks: 14, damage: [], foreignFiles: [] });
    expect((await kv('verify', '--kv-dir', folder.path)).text).toContain('Everything is as it was written.');
  });

  it('takes blocks of an earlier format for no damage, and says that they will be dropped', async () => {
    const object = Uint8Array.from(at(own, 0).object);
    const view = new DataView(object.buffer);
    view.setUint16(8, FORMAT_MAJOR - 1, true);
    view.setUint32(252, crc32c(object.subarray(0, 252)), true);
    const tier = await openFolder(folder.path);
    const key = new Uint8Array(32).fill(9);
    await tier.put(key, object);
    await tier.close();
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ sound: true, blocks: 15, damage: [], earlierFormatBlocks: 1 });
    expect((await kv('verify', '--kv-dir', folder.path)).text).toContain('1 (dropped at the next start)');
    expect((await kv('inspect', hex(key), '--kv-dir', folder.path)).text).toContain('not used: The block has format');
  });

  it('reports a damaged record, changes nothing, and exits with 1', async () => {
    damage(at(own, 1), 5000);
    const before = readdirSync(folder.path).map((name) => crc32c(readFileSync(join(folder.path, name))));
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ sound: false, repaired: false, blocks: 13 });
    const { damage: places } = report as { damage: { key: string | null; fault: string }[] };
    expect(places).toEqual([expect.objectContaining({ key: hex(at(own, 1).key), fault: 'record', lostRecords: 1 })]);
    expect(readdirSync(folder.path).map((name) => crc32c(readFileSync(join(folder.path, name))))).toEqual(before);
  });

  it.each<[string, (file: string) => void, number]>([
    ['is empty', (file) => truncateSync(file, 0), 3],
    ['is gone', (file) => rmSync(file), 3],
    ['is cut', (file) => truncateSync(file, 4096 + RECORD_BYTES), 2],
    ['has lost its header', (file) => writeFileSync(file, new Uint8Array(4096), { flag: 'r+' }), 0],
  ])('says what is lost where a segment %s, and exits with 1', async (_, harm, lost) => {
    harm(join(folder.path, 'segment-00000000.log'));
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ sound: false, lostRecords: lost, blocks: 14 - lost, tornTail: false });
    expect((report as { lostBlocks: { key: string }[] }).lostBlocks.map(({ key }) => key).sort()).toEqual(
      own
        .slice(3 - lost, 3)
        .map(({ key }) => hex(key))
        .sort(),
    );
    expect((await kv('verify', '--kv-dir', folder.path)).text).toContain(
      `${lost} records that were acknowledged are lost`,
    );
    await kv('verify', '--kv-dir', folder.path, '--repair');
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({
      exitCode: 0,
      report: { sound: true, blocks: 14 - lost },
    });
  });

  it('says that a ledger is missing, without which the end of the log cannot be known', async () => {
    rmSync(join(folder.path, 'ledger.dat'));
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({
      exitCode: 1,
      report: { sound: false, ledger: 'missing', lostRecords: 0, blocks: 14 },
    });
  });

  it('takes damaged blocks out when it repairs, and nothing else', async () => {
    damage(at(own, 1), 5000);
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path, '--repair');
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ sound: false, repaired: true, removedBlocks: 1 });
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({
      exitCode: 0,
      report: { sound: true, blocks: 13 },
    });
    const tier = await openFolder(folder.path);
    expect(tier.has(at(own, 1).key)).toBe(false);
    const { key, object } = at(own, 2);
    expect(Buffer.compare(await tier.read(key, 0, object.length), object)).toBe(0);
    await tier.close();
  });

  it('finds a record that was written whole and is no sound block, and takes it out', async () => {
    const tier = await openFolder(folder.path);
    const wrong = Uint8Array.from(at(own, 5).object);
    wrong[5000] = (wrong[5000] as number) ^ 1;
    const foreign = chain('tenant-c', 1)[0] as ChainBlock;
    await tier.put(foreign.key, wrong);
    await tier.close();
    const { report, exitCode } = await kvJson('verify', '--kv-dir', folder.path);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ damage: [{ key: hex(foreign.key), fault: 'sequence_key' }] });
    expect(await kvJson('verify', '--kv-dir', folder.path, '--repair')).toMatchObject({ report: { removedBlocks: 1 } });
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({ exitCode: 0, report: { blocks: 14 } });
  });

  it('says how much is kept, and of whom', async () => {
    const { report } = await kvJson('stats', '--kv-dir', folder.path);
    const bytes = at(own, 0).object.length;
    expect(report).toMatchObject({ blocks: 14, blockBytes: 14 * bytes, lostRecords: 0, tornTail: false });
    const { namespaces } = report as { namespaces: unknown[] };
    expect(namespaces).toMatchObject([
      { blocks: 12, bytes: 12 * bytes },
      { blocks: 2, bytes: 2 * bytes },
    ]);
    expect((await kv('stats', '--kv-dir', folder.path)).text).toMatch(/on the disk +.* live/);
  });

  it('gives the space of removed blocks back, and keeps the others', async () => {
    const tier = await openFolder(folder.path);
    await tier.remove(own.slice(0, 11).map(({ key }) => key));
    await tier.close();
    const { report } = await kvJson('gc', '--kv-dir', folder.path);
    const { bytesBefore, bytesAfter } = report as { bytesBefore: number; bytesAfter: number };
    expect(report).toMatchObject({ blocks: 3 });
    expect(bytesAfter).toBeLessThanOrEqual(bytesBefore);
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({ exitCode: 0, report: { blocks: 3 } });
  });

  it('reads beside a running store, and does not change its directory', async () => {
    const tier = await openFolder(folder.path);
    expect(await kvJson('ls', '--kv-dir', folder.path)).toMatchObject({ exitCode: 0 });
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({ exitCode: 0 });
    for (const words of [['gc'], ['verify', '--repair']])
      await expect(kv(...words, '--kv-dir', folder.path)).rejects.toMatchObject({
        reason: 'KV_DISK_LOCKED',
        message: expect.stringContaining('in use by a running process'),
      });
    await tier.close();
  });

  it.each([['ls'], ['verify'], ['verify', '--repair'], ['stats'], ['gc']])(
    'does not take a mistyped directory for an empty store: %s %s',
    async (...words) => {
      const empty = mkdtempSync(join(tmpdir(), 'longhaul-cli-empty-'));
      try {
        for (const path of [empty, join(empty, 'missing')])
          await expect(kv(...words, '--kv-dir', path)).rejects.toMatchObject({ reason: 'KV_NO_LOG' });
        expect(existsSync(join(empty, 'missing'))).toBe(false);
        expect(readdirSync(empty)).toEqual([]);
      } finally {
        rmSync(empty, { recursive: true, force: true });
      }
    },
  );

  it("reads the server's own directory when it is told of no other", async () => {
    const before = process.env['LONGHAUL_HOME'];
    const home = mkdtempSync(join(tmpdir(), 'longhaul-cli-home-'));
    process.env['LONGHAUL_HOME'] = home;
    try {
      cpSync(folder.path, join(home, 'kv'), { recursive: true });
      expect(await kvJson('stats')).toMatchObject({ report: { blocks: 14 } });
    } finally {
      rmSync(home, { recursive: true, force: true });
      if (before === undefined) delete process.env['LONGHAUL_HOME'];
      else process.env['LONGHAUL_HOME'] = before;
    }
  });

  it('wants at most one store, and known words', async () => {
    await expect(kv('stats', '--kv-dir', folder.path, '--address', '127.0.0.1:1')).rejects.toMatchObject({
      field: '--kv-dir',
    });
    await expect(kv('shrink')).rejects.toThrow(/no command 'longhaul kv shrink'.*\bls, inspect, verify\b/);
    await expect(kv('ls', '--kv-dir', folder.path, '--frobnicate')).rejects.toThrow(/frobnicate/);
    await expect(kv('ls', '--address', '127.0.0.1:1', '--namespace', 'abc')).rejects.toMatchObject({
      field: '--namespace',
    });
  });
});

describe('a file that is named to longhaul kv', () => {
  const HEX = '00'.repeat(32);
  const space = ['--namespace', HEX, '--rights', 'read', '--out', '/nowhere/x'];
  const online = ['--address', '127.0.0.1:1', '--capability'];

  it.each<[string, (path: string) => string[]]>([
    ['arguments', (path) => ['inspect', path]],
    ['--capability', (path) => ['stats', ...online, path]],
    ['--key', (path) => ['grant', ...space, '--key', path]],
    ['--tenant-secret', (path) => ['grant', '--rights', 'read', '--out', '/nowhere/x', '--tenant-secret', path]],
  ])('is a regular file: %s', async (option, argv) => {
    const message = `${option}: /dev/zero is a device; a regular file is needed.`;
    await expect(kv(...argv('/dev/zero'))).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message,
      field: option,
    });
  });
});
