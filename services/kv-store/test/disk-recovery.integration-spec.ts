import { describe, expect, it } from '@jest/globals';
import { crc32c } from '@longhaul/kv-native';
import { type DiskTier, type DiskTierOptions, inspectLog, openDiskTier } from '../src/adapters/disk/index.js';
import { recoverLog } from '../src/adapters/disk/recover.js';
import { MemoryFiles } from './support/memory-files.js';
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

/** Keys found, sorted; nothing is changed. */
async function recovered(files: MemoryFiles, useCheckpoint = false): Promise<string[]> {
  const none = { onEvent: () => undefined, now: () => 0 };
  const found = await recoverLog({
    files,
    directory: DIRECTORY,
    checksum: crc32c,
    mode: 'read',
    useCheckpoint,
    ...none,
  });
  return [...found.index.entries()].map(({ key }) => Buffer.from(key).toString('hex')).sort();
}

function names(numbers: Iterable<number>): string[] {
  return [...numbers].map((n) => Buffer.from(keyOf(n)).toString('hex')).sort();
}

/** A log of one segment, one operation a record; `states[i]` is what is there after i records, `ends[i]` where they end. */
async function smallLog(count: number): Promise<{ files: MemoryFiles; states: number[][]; ends: number[] }> {
  const files = new MemoryFiles();
  const tier = await open(files, { segmentBytes: 2 << 20 });
  const random = seeded(11);
  const present = new Set<number>();
  const states: number[][] = [[]];
  for (let i = 0; i < count; i++) {
    const victim = random() < 0.3 ? [...present][Math.floor(random() * present.size)] : undefined;
    if (victim === undefined) {
      await tier.put(keyOf(i), objectOf(i, 5000));
      present.add(i);
    } else {
      await tier.remove([keyOf(victim)]);
      present.delete(victim);
    }
    states.push([...present]);
  }
  const listing = await inspectLog(DIRECTORY, { files });
  const ends = [4096, ...listing.items.slice(1).map((item) => item.offset), listing.report.scannedBytes];
  ends[ends.length - 1] = 0;
  const last = listing.items.at(-1);
  if (last?.kind === 'record') ends[ends.length - 1] = last.offset + Math.ceil((72 + last.objectBytes) / 4096) * 4096;
  await tier.close();
  return { files, states, ends };
}

describe('recovery of the log without a checkpoint', () => {
  it('returns exactly the records before a cut, at every 512 bytes', async () => {
    const { files, states, ends } = await smallLog(24);
    const whole = files.content('segment').bytes;
    const copy = files.copy();
    for (let cut = 4096; cut <= (ends.at(-1) ?? 0) + 512; cut += 512) {
      copy.content('segment').bytes = whole.slice(0, cut);
      const records = ends.filter((end) => end <= cut).length - 1;
      expect(await recovered(copy)).toEqual(names(states[records] ?? []));
    }
  });

  it('returns exactly the records before a flipped bit where nothing says what was acknowledged', async () => {
    const { files, states, ends } = await smallLog(24);
    const copy = files.copy();
    for (const path of copy.contents.keys()) if (!path.includes('segment')) copy.contents.delete(path);
    const bytes = copy.content('segment').bytes;
    const random = seeded(5);
    const end = ends.at(-1) ?? 0;
    for (let i = 0; i < 200; i++) {
      const at = 4096 + Math.floor(random() * (end - 4096));
      const bit = 1 << Math.floor(random() * 8);
      bytes[at] = (bytes[at] ?? 0) ^ bit;
      const records = ends.filter((mark) => mark <= at).length - 1;
      const found = await recovered(copy);
      bytes[at] = (bytes[at] ?? 0) ^ bit;
      // Padding is no part of a record: a bit there changes nothing.
      if (found.join() !== names(states.at(-1) ?? []).join()) expect(found).toEqual(names(states[records] ?? []));
      else expect(isPadding(bytes, ends, at)).toBe(true);
    }
  });

  it('is not taken in by whole older records behind the end', async () => {
    const { files, states, ends } = await smallLog(20);
    const whole = files.content('segment').bytes;
    const copy = files.copy();
    for (let records = 1; records < 20; records += 3) {
      for (const stale of [0, Math.floor(records / 2), records - 1]) {
        const bytes = whole.slice(0, whole.length);
        const end = ends[records] ?? 0;
        bytes.fill(0, end);
        const old = whole.subarray(ends[stale], ends[stale + 1]);
        for (let at = end; at + old.length <= bytes.length && at < end + 6 * old.length; at += old.length)
          bytes.set(old, at);
        copy.content('segment').bytes = bytes;
        expect(await recovered(copy)).toEqual(names(states[records] ?? []));
      }
    }
  });

  it('goes on in a sealed segment behind a damaged record and counts it', async () => {
    const files = new MemoryFiles();
    const tier = await open(files);
    for (let i = 0; i < 40; i++) await tier.put(keyOf(i), objectOf(i));
    const listing = await inspectLog(DIRECTORY, { files });
    await tier.close();
    expect(listing.segments.length).toBeGreaterThan(3);
    for (const item of listing.items.filter(({ segment }) => segment === 1)) {
      for (const into of [9, 80]) {
        const copy = files.copy();
        const { bytes } = copy.content(`segment-0000000${String(item.segment)}`);
        bytes[item.offset + into] = (bytes[item.offset + into] ?? 0) ^ 1;
        const lost = item.kind === 'record' ? Buffer.from(item.key).toString('hex') : '';
        expect(await recovered(copy)).toEqual(
          names(Array.from({ length: 40 }, (_, i) => i)).filter((key) => key !== lost),
        );
        expect((await inspectLog(DIRECTORY, { files: copy })).report.lostRecords).toBe(1);
      }
    }
  });
});

function isPadding(bytes: Uint8Array, ends: readonly number[], at: number): boolean {
  const start = ends.findLast((end) => end <= at) ?? 0;
  const payload = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(64, true);
  return at >= start + 72 + payload;
}

interface Model {
  readonly acked: Set<number>;
  /** Under way when the power was cut: either outcome is right. */
  readonly open: Set<number>;
}

/** Random puts, removals, compactions and checkpoints, several at a time, until `steps` have begun. */
async function churn(
  tier: DiskTier,
  { acked, open }: Model,
  random: () => number,
  steps: number,
): Promise<Promise<void>[]> {
  const jobs: Promise<void>[] = [];
  for (let i = 0; i < steps; i++) {
    const n = Math.floor(random() * 60);
    const dice = random();
    if (dice < 0.02) jobs.push(tier.checkpoint().catch(() => undefined));
    else if (dice < 0.04) jobs.push(tier.compact().catch(() => undefined));
    else if (open.has(n)) continue;
    else {
      const put = !acked.has(n);
      open.add(n);
      const job = put ? tier.put(keyOf(n), objectOf(n)) : tier.remove([keyOf(n)]);
      jobs.push(
        job.then(
          () => {
            open.delete(n);
            if (put) acked.add(n);
            else acked.delete(n);
          },
          () => undefined,
        ),
      );
    }
    if (random() < 0.4) await jobs.at(-1);
  }
  return jobs;
}

describe('recovery after a power cut', () => {
  it.each(Array.from({ length: 6 }, (_, i) => i))(
    'keeps every acknowledged operation and serves nothing torn (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      let files = new MemoryFiles();
      const model: Model = { acked: new Set(), open: new Set() };
      for (let round = 0; round < 4; round++) {
        const tier = await open(files, { checkpointBytes: 200_000 });
        await verify(tier, model);
        const jobs = await churn(tier, model, random, 60 + Math.floor(random() * 60));
        // The cut: what is synced stays, of the rest any sectors. The old process goes on against its own copy.
        const left = files.copy(random);
        const frozen = { acked: new Set(model.acked), open: new Set(model.open) };
        await Promise.all(jobs);
        await tier.close();
        files = left;
        model.acked.clear();
        for (const n of frozen.acked) model.acked.add(n);
        model.open.clear();
        for (const n of frozen.open) model.open.add(n);
      }
      const tier = await open(files);
      await verify(tier, model);
      await tier.close();
    },
  );
});

/** Also settles what was open: from here on the outcome is what was found. */
async function verify(tier: DiskTier, { acked, open: undecided }: Model): Promise<void> {
  for (let n = 0; n < 60; n++) {
    const key = keyOf(n);
    if (!undecided.has(n)) expect([n, tier.has(key)]).toEqual([n, acked.has(n)]);
    if (tier.has(key)) {
      expect(Buffer.compare(await tier.read(key, 0, tier.sizeOf(key)), objectOf(n))).toBe(0);
      acked.add(n);
    } else acked.delete(n);
  }
  undecided.clear();
}
