import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { alignedBuffer, diskError, JobGate, lockDirectory, openBlockFile } from '../src/index.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-kv-native-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a block file', () => {
  it.each([true, false])('reads back what was written in pieces of any alignment (direct: %s)', async (direct) => {
    const path = join(folder, `pieces-${String(direct)}`);
    const file = await openBlockFile(path, 'create', direct);
    const data = Uint8Array.from({ length: 5 << 20 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    await file.writeAt([data.subarray(0, 72), data.subarray(72, 1000003), data.subarray(1000003)], 4096);
    await file.sync();
    expect(Buffer.compare(readFileSync(path).subarray(4096), data)).toBe(0);
    expect(Buffer.compare(await file.readAt(4096 + 71, 99999), data.subarray(71, 71 + 99999))).toBe(0);
    expect((await file.readAt(4096 + data.length - 10, 500)).length).toBe(10);
    expect((await file.readAt(100 << 20, 10)).length).toBe(0);
    await file.close();
    await expect(file.sync()).rejects.toMatchObject({ reason: 'KV_DISK_IO' });
  });

  it('gives space back where a hole is punched', async () => {
    const file = await openBlockFile(join(folder, 'holes'), 'create');
    await file.writeAt([alignedBuffer(1 << 20).fill(1)], 0);
    await file.sync();
    const before = await file.status();
    if (await file.punchHole(4096, 512 << 10)) {
      const after = await file.status();
      expect(after.bytes).toBe(before.bytes);
      expect(after.allocatedBytes).toBeLessThan(before.allocatedBytes);
      expect((await file.readAt(4096, 512 << 10)).every((byte) => byte === 0)).toBe(true);
    }
    await file.close();
  });

  it.each(['read', 'write'] as const)(
    'is a regular file: pipes, devices and folders are refused (to %s)',
    async (mode) => {
      const pipe = join(folder, `pipe-${mode}`);
      execFileSync('mkfifo', [pipe]);
      for (const path of [pipe, folder]) {
        await expect(openBlockFile(path, mode)).rejects.toMatchObject({ reason: 'KV_DISK_IO' });
      }
    },
  );

  it('refuses transfers that are not whole blocks', async () => {
    const file = await openBlockFile(join(folder, 'unaligned'), 'create');
    expect(() => file.writeAt([new Uint8Array(10)], 0)).toThrow('not whole blocks');
    await file.close();
  });

  it('names a missing file, a read-only file and a full disk by reason', async () => {
    await expect(openBlockFile(join(folder, 'absent'), 'read')).rejects.toMatchObject({ reason: 'KV_DISK_IO' });
    expect(diskError({ errno: -constants.errno.EROFS, message: 'EROFS' }, 'log').reason).toBe('KV_DISK_READ_ONLY');
    const full = await openBlockFile('/dev/full', 'write', false);
    await expect(full.writeAt([new Uint8Array(4096)], 0)).rejects.toMatchObject({ reason: 'KV_DISK_FULL' });
    await full.close();
  });
});

describe('a directory lock', () => {
  it('has one holder at a time', async () => {
    const unlock = await lockDirectory(folder);
    await expect(lockDirectory(folder)).rejects.toMatchObject({ reason: 'KV_DISK_LOCKED' });
    await unlock();
    await (
      await lockDirectory(folder)
    )();
  });
});

describe('a job gate', () => {
  it('runs and queues no more than its bounds', async () => {
    const gate = new JobGate(1, 1);
    let release: () => void = () => undefined;
    const first = gate.run(() => new Promise<void>((resolve) => (release = resolve)));
    const second = gate.run(() => Promise.resolve('second'));
    await expect(gate.run(() => Promise.resolve())).rejects.toMatchObject({ reason: 'KV_BUSY' });
    expect([gate.running, gate.waiting]).toEqual([1, 1]);
    release();
    await first;
    expect(await second).toBe('second');
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });
});
