import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  type DiskEvent,
  type DiskTier,
  type DiskTierOptions,
  inspectLog,
  openDiskTier,
  verifyLog,
} from '../src/adapters/disk/index.js';
import { RecordIndex } from '../src/adapters/disk/record-index.js';
import { ioError, MemoryFiles } from './support/memory-files.js';
import { keyOf, objectOf, seeded } from './support/objects.js';

const DIRECTORY = '/log';

function open(files: MemoryFiles, more: Partial<DiskTierOptions> = {}): Promise<DiskTier> {
  const bounds = {
    directory: DIRECTORY,
    limitBytes: 1 << 30,
    segmentBytes: 64 << 10,
    syncIntervalMs: 0,
    scrubPerHour: 0,
  };
  return openDiskTier({ ...bounds, files, ...more });
}

async function fill(tier: DiskTier, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) await tier.put(keyOf(n), objectOf(n));
}

const full = (): never => {
  throw ioError('KV_DISK_FULL');
};

describe('the disk tier on a real disk', () => {
  it('keeps objects over a restart, compacts, and reports itself', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'longhaul-disk-'));
    try {
      const options = { directory, limitBytes: 1 << 28, segmentBytes: 1 << 20, syncIntervalMs: 1 };
      const tier = await openDiskTier(options);
      await expect(openDiskTier(options)).rejects.toMatchObject({ reason: 'KV_DISK_LOCKED' });
      await Promise.all(Array.from({ length: 60 }, (_, n) => tier.put(keyOf(n), objectOf(n, 200_000))));
      const before = tier.usedBytes;
      await tier.remove(Array.from({ length: 55 }, (_, n) => keyOf(n)));
      await tier.compact();
      expect(tier.usedBytes).toBeLessThan(before / 2);
      expect(tier.stats().compactions).toBeGreaterThan(0);
      await tier.close();

      const again = await openDiskTier(options);
      expect([...again.entries()].length).toBe(5);
      for (let n = 55; n < 60; n++) {
        const object = objectOf(n, 200_000);
        expect(Buffer.compare(await again.read(keyOf(n), 0, object.length), object)).toBe(0);
        expect(Buffer.compare(await again.read(keyOf(n), 100, 50), object.subarray(100, 150))).toBe(0);
      }
      await again.close();
      expect(await verifyLog(directory, { repair: true })).toMatchObject({ sound: true, objects: 5, quarantined: 0 });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('the disk tier', () => {
  it('refuses unknown keys, bad ranges, and objects larger than a segment', async () => {
    const tier = await open(new MemoryFiles());
    await expect(tier.read(keyOf(1), 0, 1)).rejects.toMatchObject({ reason: 'KV_NOT_FOUND' });
    await tier.put(keyOf(1), objectOf(1));
    await expect(tier.read(keyOf(1), 0, 1 << 20)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await expect(tier.put(keyOf(2), new Uint8Array(64 << 10))).rejects.toMatchObject({ field: 'object' });
    await tier.remove([keyOf(77)]);
    await tier.close();
    await expect(tier.put(keyOf(3), objectOf(3))).rejects.toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
  });

  it('resolves a put only after a sync', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    let synced = false;
    files.fault = (operation) => {
      if (operation === 'sync') synced = true;
    };
    await tier.put(keyOf(1), objectOf(1));
    expect(synced).toBe(true);
    await tier.close();
  });

  it('writes one key once, however many put it, and forgets one removed while it was written', async () => {
    const tier = await open(new MemoryFiles());
    await Promise.all([tier.put(keyOf(1), objectOf(1)), tier.put(keyOf(1), objectOf(1))]);
    expect(tier.stats().writtenBytes).toBeLessThanOrEqual(16384);
    const put = tier.put(keyOf(2), objectOf(2));
    await tier.remove([keyOf(2)]);
    await put;
    expect(tier.has(keyOf(2))).toBe(false);
    await tier.close();
  });

  it('refuses puts beyond its limit and takes them again after a removal', async () => {
    const tier = await open(new MemoryFiles(), { limitBytes: 300_000 });
    let n = 0;
    for (; ; n++) {
      const error = await tier.put(keyOf(n), objectOf(n)).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error === null) continue;
      expect(error).toMatchObject({ reason: 'KV_TIER_FULL' });
      break;
    }
    expect(tier.usedBytes).toBeLessThanOrEqual(300_000);
    await tier.remove(Array.from({ length: n }, (_, i) => keyOf(i)));
    await tier.put(keyOf(n), objectOf(n));
    await tier.close();
  });

  it('bounds what waits for a slow disk, while reads go on', async () => {
    const files = new MemoryFiles();
    const tier = await open(files, { maxQueuedBytes: 40_000, syncIntervalMs: 20 });
    await tier.put(keyOf(0), objectOf(0));
    const puts = Array.from({ length: 30 }, (_, i) => tier.put(keyOf(i + 1), objectOf(i + 1)));
    expect(tier.stats().queuedBytes).toBeLessThanOrEqual(40_000);
    expect((await tier.read(keyOf(0), 0, 1)).length).toBe(1);
    const outcomes = await Promise.allSettled(puts);
    const reasons = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as { reason: string }).reason] : [],
    );
    expect(new Set(reasons)).toEqual(new Set(['KV_BUSY']));
    expect(tier.stats().queuedBytes).toBe(0);
    await tier.close();
  });

  it('keeps the bytes of a removed object until reads under way have ended', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 30);
    let release: () => void = () => undefined;
    files.beforeRead = () => new Promise((resolve) => (release = resolve));
    const object = objectOf(0);
    const read = tier.read(keyOf(0), 0, object.length);
    await tier.remove([keyOf(0)]);
    expect(tier.has(keyOf(0))).toBe(false);
    files.beforeRead = () => Promise.resolve();
    release();
    expect(Buffer.compare(await read, object)).toBe(0);
    await tier.close();
  });
});

describe('the disk tier with a failing disk', () => {
  it('refuses puts on a full disk, still removes and reads, and recovers', async () => {
    const files = new MemoryFiles();
    const events: DiskEvent[] = [];
    const tier = await open(files, { probeIntervalMs: 5, onEvent: (event) => events.push(event) });
    await fill(tier, 0, 10);
    files.fault = (operation) => {
      if (operation === 'allocate' || operation === 'open') full();
    };
    const failed = Array.from({ length: 10 }, (_, i) => tier.put(keyOf(20 + i), objectOf(20 + i)));
    const outcomes = await Promise.allSettled(failed);
    expect(outcomes.some((outcome) => outcome.status === 'rejected')).toBe(true);
    expect(tier.health).toMatchObject({ writable: false, readable: true, reason: 'KV_DISK_FULL' });
    await expect(tier.put(keyOf(50), objectOf(50))).rejects.toMatchObject({ reason: 'KV_DISK_FULL' });
    await tier.remove([keyOf(0)]);
    expect((await tier.read(keyOf(1), 0, 1)).length).toBe(1);
    files.fault = () => undefined;
    while (!tier.health.writable) await new Promise((resolve) => setTimeout(resolve, 5));
    await tier.put(keyOf(50), objectOf(50));
    expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['unwritable', 'writable']));
    await tier.close();

    const again = await open(files);
    expect(again.has(keyOf(0))).toBe(false);
    expect(again.has(keyOf(50))).toBe(true);
    outcomes.forEach((outcome, i) => {
      expect(again.has(keyOf(20 + i))).toBe(outcome.status === 'fulfilled');
    });
    await again.close();
  });

  it.each(['allocate', 'write', 'sync', 'syncDirectory'])(
    'goes on in the old segment when beginning one fails at %s',
    async (step) => {
      const files = new MemoryFiles();
      const tier = await open(files, { probeIntervalMs: 5 });
      await fill(tier, 0, 3);
      const before = files.contents.size;
      files.fault = (operation, path) => {
        const isNew = path.endsWith('1.log') || operation === 'syncDirectory';
        if (isNew && operation === step) throw ioError('KV_DISK_FULL');
      };
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => tier.put(keyOf(3 + i), objectOf(3 + i))),
      );
      expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
      files.fault = () => undefined;
      await tier.remove([keyOf(0)]);
      expect(files.contents.size).toBeGreaterThanOrEqual(before);
      const copy = files.copy();
      await tier.close();
      const again = await open(copy);
      expect(again.has(keyOf(0))).toBe(false);
      outcomes.forEach(({ status }, i) => {
        expect(again.has(keyOf(3 + i))).toBe(status === 'fulfilled');
      });
      await again.close();
    },
  );

  it.each(['write', 'sync'])('forgets what a failed %s left behind', async (broken) => {
    const files = new MemoryFiles();
    const tier = await open(files, { probeIntervalMs: 5, segmentBytes: 1 << 20 });
    await fill(tier, 0, 3);
    files.fault = (operation) => {
      if (operation === broken) throw ioError('KV_DISK_IO');
    };
    await expect(tier.put(keyOf(3), objectOf(3))).rejects.toMatchObject({ reason: 'KV_DISK_IO' });
    await expect(tier.remove([keyOf(1)])).rejects.toMatchObject({ reason: 'KV_DISK_IO' });
    expect(tier.has(keyOf(1))).toBe(false);
    files.fault = () => undefined;
    while (!tier.health.writable) await new Promise((resolve) => setTimeout(resolve, 5));
    await tier.put(keyOf(4), objectOf(4));
    await tier.close();
    const again = await open(files);
    expect([0, 1, 2, 3, 4].filter((n) => again.has(keyOf(n)))).toEqual([0, 2, 4]);
    await again.close();
  });

  it('opens a folder that cannot be written, for reading', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 3);
    await tier.close();
    files.fault = (operation) => {
      if (!['open', 'read', 'status'].includes(operation)) throw ioError('KV_DISK_READ_ONLY');
    };
    const frozen = await open(files);
    expect(frozen.health).toMatchObject({ writable: false, reason: 'KV_DISK_READ_ONLY' });
    expect((await frozen.read(keyOf(2), 0, objectOf(2).length)).length).toBe(objectOf(2).length);
    await expect(frozen.put(keyOf(5), objectOf(5))).rejects.toMatchObject({ reason: 'KV_DISK_READ_ONLY' });
    await frozen.close();
  });
});

describe('damage', () => {
  it('is never served: the object is quarantined for good', async () => {
    const files = new MemoryFiles();
    const events: DiskEvent[] = [];
    const tier = await open(files, { onEvent: (event) => events.push(event) });
    await fill(tier, 0, 4);
    const item = (await inspectLog(DIRECTORY, { files })).items[1];
    const { bytes } = files.content('segment');
    bytes[(item?.offset ?? 0) + 100] = (bytes[(item?.offset ?? 0) + 100] ?? 0) ^ 4;
    await expect(tier.read(keyOf(1), 0, objectOf(1).length)).rejects.toMatchObject({ reason: 'KV_CORRUPT' });
    expect(tier.has(keyOf(1))).toBe(false);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'quarantined', key: keyOf(1) }));
    await tier.close();
    const again = await open(files);
    expect([0, 1, 2, 3].filter((n) => again.has(keyOf(n)))).toEqual([0, 2, 3]);
    await again.close();
  });

  it('is found by scrubbing', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 10);
    const { items } = await inspectLog(DIRECTORY, { files });
    const first = files.content('segment-00000000').bytes;
    for (const item of items.slice(2, 4)) first[item.offset + 90] = (first[item.offset + 90] ?? 0) ^ 1;
    expect(await tier.scrub(Number.POSITIVE_INFINITY)).toBeGreaterThan(0);
    expect(tier.stats().quarantined).toBe(2);
    expect(tier.objects).toBe(8);
    await tier.close();
  });

  it('in the newest checkpoint makes recovery fall back', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 20);
    await tier.checkpoint();
    await fill(tier, 20, 40);
    await tier.close();
    const newest =
      [...files.contents.keys()]
        .filter((path) => path.endsWith('.idx'))
        .sort()
        .at(-1) ?? '';
    const { bytes } = files.content(newest);
    bytes[500] = (bytes[500] ?? 0) ^ 1;
    const events: DiskEvent[] = [];
    const again = await open(files, { onEvent: (event) => events.push(event) });
    expect(again.objects).toBe(40);
    expect(events.find(({ kind }) => kind === 'recovered')).toMatchObject({
      report: { damagedCheckpoints: 1, lostRecords: 0 },
    });
    await again.close();
  });

  it('is listed by verifyLog and taken out by its repair', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 30);
    const { items } = await inspectLog(DIRECTORY, { files });
    await tier.close();
    const bytes = files.content('segment-00000000').bytes;
    const at = (items[1]?.offset ?? 0) + 200;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const found = await verifyLog(DIRECTORY, { files });
    expect(found).toMatchObject({ sound: false, damagedRecords: 1, objects: 29, repaired: false });
    expect(await verifyLog(DIRECTORY, { files, repair: true })).toMatchObject({ quarantined: 1, repaired: true });
    expect(await verifyLog(DIRECTORY, { files })).toMatchObject({ sound: true, damagedRecords: 0, objects: 29 });
  });
});

describe('compaction', () => {
  it('keeps removed objects removed while older segments may hold them', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await fill(tier, 0, 60);
    const gone = Array.from({ length: 60 }, (_, n) => n).filter((n) => n % 9 !== 0);
    for (const n of gone) await tier.remove([keyOf(n)]);
    await fill(tier, 100, 130);
    await tier.remove(Array.from({ length: 30 }, (_, i) => keyOf(100 + i)));
    await tier.compact();
    await tier.close();
    for (const path of [...files.contents.keys()]) if (path.endsWith('.idx')) files.contents.delete(path);
    const again = await open(files);
    expect(gone.filter((n) => again.has(keyOf(n)))).toEqual([]);
    expect([0, 9, 18, 27, 36, 45, 54].every((n) => again.has(keyOf(n)))).toBe(true);
    expect((await verifyLog(DIRECTORY, { files })).damagedRecords).toBe(0);
    await again.close();
  });
});

describe('the index', () => {
  it('agrees with a map over random changes and needs 48 bytes an object at most besides the key', () => {
    const index = new RecordIndex();
    const model = new Map<number, number>();
    const random = seeded(3);
    for (let i = 0; i < 8000; i++) {
      const n = Math.floor(random() * 1000);
      if (random() < 0.6) {
        index.set(keyOf(n), { segment: n, block: i, payloadBytes: n, lsn: i + 1, expiresS: 0 });
        model.set(n, i);
      } else {
        if (index.delete(keyOf(n))?.block !== model.get(n)) throw new Error(`key ${String(n)} differs`);
        model.delete(n);
      }
    }
    for (let n = 0; n < 1000; n++) expect(index.get(keyOf(n))?.block).toBe(model.get(n));
    const dense = new RecordIndex();
    for (let n = 0; n < 4096; n++)
      dense.set(keyOf(n), { segment: 0, block: n, payloadBytes: 1, lsn: n + 1, expiresS: 0 });
    expect(dense.bytesOfMemory / 4096 - 32).toBeLessThanOrEqual(48);
  });
});
