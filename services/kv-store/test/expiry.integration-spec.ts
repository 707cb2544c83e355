import { describe, expect, it } from '@jest/globals';
import { openDiskTier } from '../src/adapters/disk/index.js';
import { chain, lower, space, StoreFixture } from './core/store-fixture.js';
import { FakeTier } from './core/fake-tier.js';
import { MemoryFiles } from './support/memory-files.js';
import { keyOf, objectOf } from './support/objects.js';

const bounds = { directory: '/log', limitBytes: 1 << 30, segmentBytes: 256 << 10, syncIntervalMs: 0, scrubPerHour: 0 };
const openDisk = (files: MemoryFiles) => openDiskTier({ ...bounds, files });
const [first, second] = chain(2);

/** A store over these files whose clock is so much later than that of the first one. */
async function storeOf(files: MemoryFiles, laterMs = 0): Promise<StoreFixture> {
  const disk = await openDisk(files);
  const fixture = new StoreFixture({ lower: lower(disk), waitForDurable: true });
  fixture.clock.advance(laterMs);
  await fixture.core.start();
  await fixture.handshake(space().namespace);
  return fixture;
}

describe('a block that is to be kept for a time', () => {
  it.each([
    ['an orderly end', true],
    ['a kill', false],
  ])('is gone once that is over, also when the store was away meanwhile: %s', async (_how, orderly) => {
    const files = new MemoryFiles();
    const store = await storeOf(files);
    expect((await store.put(first!, space(), { ttlSeconds: 2 })).durableTier).toBe('disk');
    await store.put(second!);
    const killed = files.copy();
    await store.core.close();
    const left = orderly ? files : killed;

    const soon = await storeOf(left.copy(), 1_000);
    expect(await soon.matched([first!, second!])).toBe(2);
    soon.clock.advance(2_000);
    expect(await soon.matched([first!])).toBe(0);
    await soon.core.close();

    const late = await storeOf(left, 3_001);
    expect(late.count('recovery_skipped', 'disk', 'expired')).toBe(1);
    expect(await late.matched([first!])).toBe(0);
    await late.core.close();
    // And gone for good: a clock that is set back does not bring it back.
    const back = await storeOf(left);
    expect(await back.matched([first!])).toBe(0);
    await back.core.close();
  });

  it('is kept for ever when it is put again without one after that', async () => {
    const files = new MemoryFiles();
    const store = await storeOf(files);
    await store.put(first!, space(), { ttlSeconds: 2 });
    store.clock.advance(3_001);
    await store.put(first!);
    await store.core.close();
    const later = await storeOf(files, 1_000_000);
    expect(await later.matched([first!])).toBe(1);
    await later.core.close();
  });

  it('takes the longest time that the contract can name', async () => {
    const files = new MemoryFiles();
    const store = await storeOf(files);
    await store.put(first!, space(), { ttlSeconds: 2 ** 31 });
    await store.core.close();
    const later = await storeOf(files, 1_000_000);
    expect(await later.matched([first!])).toBe(1);
    await later.core.close();
  });

  it('does not go to a tier that would forget its time', async () => {
    const forgetful = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(forgetful), waitForDurable: true });
    expect((await store.put(first!, space(), { ttlSeconds: 60 })).durableTier).toBe('ram');
    expect((await store.put(second!)).durableTier).toBe('disk');
    expect(forgetful.objects).toBe(1);
    await store.core.close();
  });
});

describe('an expiry in the disk tier', () => {
  it('outlives compaction, a checkpoint and the scan of the log', async () => {
    const files = new MemoryFiles();
    const tier = await openDisk(files);
    for (let n = 0; n < 100; n++) await tier.put(keyOf(n), objectOf(n, 9000), n % 3 === 0 ? 2_000_000_000 + n : 0);
    await tier.remove(
      Array.from({ length: 100 }, (_, n) => n)
        .filter((n) => n % 9 !== 0)
        .map(keyOf),
    );
    await tier.compact();
    expect(tier.stats().compactions).toBeGreaterThan(0);
    const expected = Array.from({ length: 12 }, (_, i) => [i * 9, 2_000_000_000 + i * 9]).sort();
    const killed = files.copy();
    await tier.close();
    for (const left of [files, killed]) {
      const again = await openDisk(left);
      const numbers = new Map(Array.from({ length: 100 }, (_, n) => [Buffer.from(keyOf(n)).toString('hex'), n]));
      const found = [...again.entries()].map(({ key, expiresS }) => [
        numbers.get(Buffer.from(key).toString('hex')),
        expiresS,
      ]);
      expect(found.sort()).toEqual(expected);
      await again.close();
    }
  });
});

describe('a pin', () => {
  it('ends with the process of the store at the latest', async () => {
    const files = new MemoryFiles();
    const store = await storeOf(files);
    await store.put(first!);
    const { namespace } = space();
    await store.core.pin({ namespace, keys: [first!.key], ttlSeconds: 3600, hard: true });
    const what = { kind: 'keys', keys: [first!.key] } as const;
    expect(await store.core.evict({ namespace, what })).toMatchObject({ evicted: 0 });
    await store.core.close();
    const again = await storeOf(files, 1_000);
    expect(await again.core.evict({ namespace, what })).toMatchObject({ evicted: 1 });
    await again.core.close();
  });
});
