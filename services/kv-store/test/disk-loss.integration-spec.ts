import { describe, expect, it } from '@jest/globals';
import { crc32c } from '@longhaul/kv-native';
import { type DiskEvent, type DiskTier, inspectLog, openDiskTier, verifyLog } from '../src/adapters/disk/index.js';
import { damageAtRandom } from './support/damage.js';
import { MemoryFiles } from './support/memory-files.js';
import { keyOf, objectOf, seeded } from './support/objects.js';

const DIRECTORY = '/log';
const KEYS = 60;
/** Each takes its seed from its number. */
const ROUNDS = 48;

const bounds = {
  directory: DIRECTORY,
  limitBytes: 1 << 30,
  segmentBytes: 64 << 10,
  syncIntervalMs: 0,
  scrubPerHour: 0,
};

function open(files: MemoryFiles, onEvent?: (event: DiskEvent) => void): Promise<DiskTier> {
  return openDiskTier({ ...bounds, files, checkpointBytes: 200_000, ...(onEvent ? { onEvent } : {}) });
}

/** Puts, removals, compactions and checkpoints, all of them acknowledged. */
async function live(tier: DiskTier, random: () => number, acknowledged: Set<number>): Promise<void> {
  for (let i = 0; i < 70; i++) {
    const n = Math.floor(random() * KEYS);
    const dice = random();
    if (dice < 0.02) await tier.checkpoint();
    else if (dice < 0.04) await tier.compact();
    else if (acknowledged.has(n) && dice < 0.5) {
      await tier.remove([keyOf(n)]);
      acknowledged.delete(n);
    } else {
      await tier.put(keyOf(n), objectOf(n));
      acknowledged.add(n);
    }
  }
}

interface Left {
  readonly files: MemoryFiles;
  readonly acknowledged: ReadonlySet<number>;
}

/** What some lives of a store leave, the last of which ends in order, by a kill or with the power. */
async function leave(random: () => number): Promise<Left> {
  let files = new MemoryFiles();
  const acknowledged = new Set<number>();
  for (let lives = 1 + Math.floor(random() * 3); lives > 0; lives--) {
    const tier = await open(files);
    await live(tier, random, acknowledged);
    const end = random();
    if (end < 0.4) {
      await tier.close();
      files = files.copy();
    } else {
      const left = end < 0.8 ? files.copy() : files.copy(random);
      await tier.close();
      files = left;
    }
  }
  return { files, acknowledged };
}

/** The acknowledged objects that a start would serve with the right bytes, and what it said. */
async function start({ files, acknowledged }: Left): Promise<{ served: Set<number>; events: DiskEvent[] }> {
  const events: DiskEvent[] = [];
  const tier = await open(files, (event) => events.push(event));
  const served = new Set<number>();
  for (const n of acknowledged) {
    const key = keyOf(n);
    const bytes = tier.has(key) ? await tier.read(key, 0, tier.sizeOf(key)).catch(() => null) : null;
    if (bytes === null) continue;
    expect(Buffer.compare(bytes, objectOf(n))).toBe(0);
    served.add(n);
  }
  await tier.put(keyOf(KEYS), objectOf(KEYS));
  expect(tier.has(keyOf(KEYS))).toBe(true);
  await tier.close();
  return { served, events };
}

function liveNumbers(listing: Awaited<ReturnType<typeof inspectLog>>): Set<number> {
  const numbers = new Map(Array.from({ length: KEYS }, (_, n) => [Buffer.from(keyOf(n)).toString('hex'), n]));
  const found = listing.items.flatMap((item) =>
    item.kind === 'record' && item.state === 'live' ? [numbers.get(Buffer.from(item.key).toString('hex')) ?? -1] : [],
  );
  return new Set(found);
}

describe('damage to a folder of the disk tier', () => {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);

  it.each(rounds.filter((round) => round % 4 === 0))('is not seen where there is none (round %i)', async (round) => {
    const left = await leave(seeded(round));
    const report = await verifyLog(DIRECTORY, { files: left.files });
    expect(report).toMatchObject({ sound: true, damagedRecords: 0 });
    const { served, events } = await start(left);
    expect(served).toEqual(left.acknowledged);
    expect(events.filter(({ kind }) => kind === 'damage')).toEqual([]);
  });

  it.each(rounds)('is reported whenever an acknowledged object is gone (round %i)', async (round) => {
    const random = seeded(1000 + round);
    const left = await leave(random);
    const done = damageAtRandom(left.files, random);
    const report = await verifyLog(DIRECTORY, { files: left.files });
    const found = liveNumbers(report.listing);
    const lost = [...left.acknowledged].filter((n) => !found.has(n));
    if (lost.length > 0) expect([done, report.sound]).toEqual([done, false]);
    if (lost.length > 0 && report.listing.report.ledger === 'whole') {
      expect([done, report.damagedRecords >= lost.length]).toEqual([done, true]);
    }
    const repaired = left.files.copy();
    await verifyLog(DIRECTORY, { files: repaired, repair: true });
    const after = await verifyLog(DIRECTORY, { files: repaired });
    expect([done, after.sound]).toEqual([done, true]);
    // What was removed may be back where its tombstone is gone; what was not may not go.
    const kept = liveNumbers(after.listing);
    expect([...left.acknowledged].filter((n) => found.has(n) && !kept.has(n))).toEqual([]);
    // The start says it too, or the read of what it did not look at.
    const { served, events } = await start(left);
    const said = events.filter(({ kind }) => kind === 'damage' || kind === 'quarantined' || kind === 'set_aside');
    const ledger = events.flatMap((event) => (event.kind === 'recovered' ? [event.report.ledger] : []));
    const isTold = said.length > 0 || ledger.some((state) => state === 'damaged' || state === 'missing');
    if (served.size < left.acknowledged.size) expect([done, isTold]).toEqual([done, true]);
    await verifyLog(DIRECTORY, { files: left.files, repair: true });
    expect([done, (await verifyLog(DIRECTORY, { files: left.files })).sound]).toEqual([done, true]);
  });

  it('in the middle of the active segment takes the record that it hit, and no other', async () => {
    const files = new MemoryFiles();
    const tier = await openDiskTier({ ...bounds, files, segmentBytes: 1 << 20 });
    for (let n = 0; n < 8; n++) await tier.put(keyOf(n), objectOf(n));
    const killed = files.copy();
    await tier.close();
    const third = (await inspectLog(DIRECTORY, { files: killed })).items[2];
    const at = (third?.offset ?? 0) + 100;
    const { bytes } = killed.content('segment-00000000');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const report = await verifyLog(DIRECTORY, { files: killed });
    expect(report).toMatchObject({ sound: false, damagedRecords: 1, objects: 7, tornTail: false });
    const { served } = await start({ files: killed, acknowledged: new Set([0, 1, 2, 3, 4, 5, 6, 7]) });
    expect(served).toEqual(new Set([0, 1, 3, 4, 5, 6, 7]));
  });

  it('names the objects that a checkpoint knew', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    for (let n = 0; n < 30; n++) await tier.put(keyOf(n), objectOf(n));
    await tier.remove([keyOf(3)]);
    await tier.close();
    const before = await inspectLog(DIRECTORY, { files });
    const first = before.items.filter((item) => item.kind === 'record' && item.segment === 0);
    const live = first.flatMap((item) => (item.kind === 'record' && item.state === 'live' ? [item] : []));
    files.contents.delete('/log/segment-00000000.log');
    const { listing, damagedRecords } = await verifyLog(DIRECTORY, { files });
    expect(damagedRecords).toBe(first.length);
    expect(listing.lost.map(({ key }) => Buffer.from(key).toString('hex')).sort()).toEqual(
      live.map(({ key }) => Buffer.from(key).toString('hex')).sort(),
    );
  });

  it('is no damage where a write was under way that nobody had acknowledged', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    await tier.put(keyOf(1), objectOf(1));
    await tier.put(keyOf(2), objectOf(2));
    // The process ends after the write and before the sync: nobody has been told.
    let left: MemoryFiles | null = null;
    files.fault = (operation, path) => {
      if (operation !== 'sync' || !path.includes('segment')) return;
      left = files.copy(seeded(3));
      throw new Error('killed');
    };
    await tier.put(keyOf(3), objectOf(3)).catch(() => undefined);
    files.fault = () => undefined;
    await tier.close();
    const report = await verifyLog(DIRECTORY, { files: left ?? new MemoryFiles() });
    expect(report).toMatchObject({ sound: true, damagedRecords: 0, objects: 2, tornTail: true });
  });

  it('is none where a folder is of the time before ledgers', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    for (let n = 0; n < 30; n++) await tier.put(keyOf(n), objectOf(n));
    await tier.close();
    files.contents.delete('/log/ledger.dat');
    for (const [path, { bytes }] of files.contents) if (path.includes('segment')) makeOld(bytes);
    expect(await verifyLog(DIRECTORY, { files })).toMatchObject({ sound: true, objects: 30 });
    const { served } = await start({ files, acknowledged: new Set(Array.from({ length: 30 }, (_, n) => n)) });
    expect(served.size).toBe(30);
    expect((await inspectLog(DIRECTORY, { files })).report.ledger).toBe('whole');
  });
});

/** Makes a segment header one of the first version. */
function makeOld(segment: Uint8Array): void {
  const view = new DataView(segment.buffer, segment.byteOffset);
  segment[7] = '1'.charCodeAt(0);
  view.setUint32(40, crc32c(segment.subarray(0, 40)), true);
}
