import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crc32cTable } from '@longhaul/kv-core';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectTierOptions } from '../src/adapters/object/object-tier-options.js';
import { ObjectTier } from '../src/adapters/object/object-tier.js';
import { tierErrors } from '../src/adapters/object/tier-errors.js';
import { MemoryBucket } from './memory-bucket.js';
import { testBlock, testBlocks, type TestBlock } from './test-blocks.js';

describe('the object tier over a bucket that fails on command', () => {
  let bucket: MemoryBucket;
  let tiers: ObjectTier[];

  beforeEach(() => {
    bucket = new MemoryBucket();
    tiers = [];
  });
  afterEach(async () => {
    bucket.fault = () => null;
    await Promise.all(tiers.map((tier) => tier.close()));
  });

  async function open(options: Partial<ObjectTierOptions> = {}): Promise<ObjectTier> {
    const limits = { limitBytes: 2 ** 24, extentBytes: 100_000, extentAgeMs: 5, probeMs: 20 };
    const tier = await ObjectTier.open({ bucket, checksum: crc32cTable, ...limits, ...options });
    tiers.push(tier);
    return tier;
  }

  const put = (tier: ObjectTier, blocks: readonly TestBlock[]) =>
    Promise.all(blocks.map(({ key, object }) => tier.put(key, object)));

  async function expectHeld(tier: ObjectTier, blocks: readonly TestBlock[]): Promise<void> {
    for (const { key, object } of blocks)
      expect(Buffer.compare(await tier.read(key, 0, object.length), object)).toBe(0);
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      if (tries > 500) throw new Error('It did not happen within 5 s.');
      await sleep(10);
    }
  }

  const extents = () => [...bucket.stored.keys()].filter((name) => name.endsWith('.kvx'));
  const lists = () => [...bucket.stored.keys()].filter((name) => name.endsWith('.kvt'));
  const down = () => tierErrors.unavailable('network', 'The object store cannot be reached.');

  it('knows its own extent again when the answer to storing it was lost', async () => {
    const { putNew } = bucket;
    // What a repeated conditional put sees: the first try had come through.
    bucket.putNew = async (name: string, body: Uint8Array) => {
      await putNew.call(bucket, name, body);
      return 'exists';
    };
    const tier = await open();
    await put(tier, testBlocks(3));
    await expectHeld(tier, testBlocks(3));
    expect(extents()).toHaveLength(1);
  });

  it('leaves a damaged extent of the same name alone and takes the next name', async () => {
    await put(await open(), testBlocks(2));
    const [name] = extents() as [string];
    bucket.stored.set(name, new Uint8Array(500));
    const tier = await open();
    await put(tier, testBlocks(2));
    await expectHeld(tier, testBlocks(2));
    expect(extents()).toEqual([name, name.replace('.kvx', '.1.kvx')]);
    expect(bucket.stored.get(name)).toEqual(new Uint8Array(500));
  });

  it('does not show a block that was removed while it was on its way', async () => {
    const tier = await open({ extentAgeMs: 50 });
    const [kept, gone] = testBlocks(2) as [TestBlock, TestBlock];
    const stored = put(tier, [kept, gone]);
    await tier.remove([gone.key]);
    await stored;
    expect(tier.has(gone.key)).toBe(false);
    await put(tier, [gone]);
    await expectHeld(tier, [kept, gone]);
  });

  it('does not show a block that was removed during its upload, not after a restart either', async () => {
    const tier = await open();
    const blocks = testBlocks(3);
    const gone = (blocks[1] as TestBlock).key;
    bucket.fault = (call) => {
      if (call === 'putNew') void tier.remove([gone]);
      return null;
    };
    await put(tier, blocks);
    bucket.fault = () => null;
    expect(tier.has(gone)).toBe(false);
    await tier.close();
    const second = await open();
    expect(second.has(gone)).toBe(false);
    expect(second.objects).toBe(2);
  });

  it('refuses a put when too many bytes wait, and takes it when they are gone', async () => {
    const tier = await open({ maxPendingBytes: 50_000 });
    const blocks = testBlocks(4);
    const outcomes = await Promise.allSettled(blocks.map(({ key, object }) => tier.put(key, object)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { reason: 'KV_BUSY', details: { limit: 50_000 } } });
    expect(tier.stats()).toMatchObject({ pendingBytes: 0, pendingObjects: 0 });
    await put(tier, blocks.slice(2));
    await expectHeld(tier, blocks);
  });

  it('refuses a read when too many wait', async () => {
    const tier = await open({ reads: 1, maxWaitingReads: 2 });
    const blocks = testBlocks(4);
    await put(tier, blocks);
    const outcomes = await Promise.allSettled(blocks.map(({ key }) => tier.read(key, 10_000, 10)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[3]).toMatchObject({ reason: { reason: 'KV_BUSY' } });
  });

  it('reads on with credentials that may only read', async () => {
    await put(await open(), testBlocks(3));
    bucket.fault = (call) =>
      ['putNew', 'replace', 'remove'].includes(call)
        ? tierErrors.unavailable('credentials', 'The object store refuses the credentials.')
        : null;
    const tier = await open();
    expect(tier.health).toMatchObject({ readable: true, writable: false });
    expect(tier.health.reason).toMatch(/credentials/);
    await expectHeld(tier, testBlocks(3));
    await expect(put(tier, [testBlock(9)])).rejects.toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
  });

  it('stores later what was removed while the store was away', async () => {
    const tier = await open();
    const blocks = testBlocks(4);
    await put(tier, blocks);
    bucket.fault = down;
    await expect(tier.read((blocks[0] as TestBlock).key, 300, 1)).rejects.toMatchObject({
      reason: 'KV_STORE_UNAVAILABLE',
    });
    await tier.remove([(blocks[0] as TestBlock).key]);
    expect(tier.stats().unsavedExtents).toBe(1);
    expect(lists()).toEqual([]);
    bucket.fault = () => null;
    await until(() => tier.stats().unsavedExtents === 0);
    expect(lists()).toHaveLength(1);
    expect((await open()).objects).toBe(3);
  });

  it('deletes later what could not be deleted while the store was away', async () => {
    const tier = await open();
    const blocks = testBlocks(2);
    await put(tier, blocks);
    bucket.fault = down;
    await tier.read((blocks[0] as TestBlock).key, 300, 1).catch(() => undefined);
    await tier.remove(blocks.map(({ key }) => key));
    expect(tier.stats().doomedBytes).toBeGreaterThan(40_000);
    expect(tier.usedBytes).toBe(tier.stats().doomedBytes);
    bucket.fault = () => null;
    await until(() => tier.stats().doomedBytes === 0);
    expect(extents()).toEqual([]);
  });

  it('does not carry damaged blocks into a rewritten extent', async () => {
    const tier = await open({ extentAgeMs: 20 });
    const blocks = testBlocks(10, 9_000);
    await put(tier, blocks);
    const [name] = extents() as [string];
    const body = bucket.stored.get(name) as Uint8Array;
    const at = Buffer.from(body).indexOf((blocks[9] as TestBlock).object.subarray(300, 400));
    body[at] = (body[at] as number) ^ 1;
    await tier.remove(blocks.slice(0, 8).map(({ key }) => key));
    await tier.idle();
    expect(extents()).not.toContain(name);
    expect(tier.objects).toBe(1);
    await expectHeld(tier, [blocks[8] as TestBlock]);
    expect(tier.stats().corruptReads).toBe(1);
  });

  it('keeps everything when rewriting fails half-way', async () => {
    const tier = await open({ extentAgeMs: 20 });
    const blocks = testBlocks(10, 9_000);
    await put(tier, blocks);
    const before = extents();
    bucket.fault = (call, name) => (call === 'putNew' && !before.includes(name) ? down() : null);
    await tier.remove(blocks.slice(0, 8).map(({ key }) => key));
    await tier.idle();
    expect(extents()).toEqual(before);
    bucket.fault = () => null;
    await until(() => tier.health.writable);
    await expectHeld(tier, blocks.slice(8));
    await until(() => tier.stats().deletedExtents === 1);
    await expectHeld(tier, blocks.slice(8));
    expect(tier.objects).toBe(2);
  });

  it('forgets a block that is removed while it is rewritten', async () => {
    const tier = await open({ extentAgeMs: 20 });
    const blocks = testBlocks(10, 9_000);
    await put(tier, blocks);
    const before = extents();
    const late = (blocks[9] as TestBlock).key;
    bucket.fault = (call, name) => {
      if (call === 'putNew' && !before.includes(name)) void tier.remove([late]);
      return null;
    };
    await tier.remove(blocks.slice(0, 8).map(({ key }) => key));
    await tier.idle();
    expect(tier.has(late)).toBe(false);
    await expectHeld(tier, [blocks[8] as TestBlock]);
    await tier.close();
    const second = await open();
    expect(second.objects).toBe(1);
    await expectHeld(second, [blocks[8] as TestBlock]);
  });

  it('rewrites earlier when it is nearly full', async () => {
    const tier = await open({ limitBytes: 110_000, extentAgeMs: 20 });
    const blocks = testBlocks(10, 9_000);
    await put(tier, blocks);
    await tier.remove(blocks.slice(0, 4).map(({ key }) => key));
    await tier.idle();
    await until(() => tier.stats().deletedExtents === 1);
    expect(tier.usedBytes).toBeLessThan(65_000);
    await expectHeld(tier, blocks.slice(4));
  });

  it('refuses a key and an object of the wrong length by name', async () => {
    const tier = await open();
    await expect(tier.put(new Uint8Array(31), new Uint8Array(10))).rejects.toMatchObject({ field: 'key' });
  });

  it('takes nothing after it was closed', async () => {
    const tier = await open();
    await tier.close();
    expect(tier.health).toMatchObject({ writable: false, readable: false });
    await expect(put(tier, testBlocks(1))).rejects.toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
  });

  it('stores what waits when it is closed', async () => {
    const tier = await open({ extentAgeMs: 60_000 });
    const stored = put(tier, testBlocks(2));
    await tier.close();
    await stored;
    await expectHeld(await open(), testBlocks(2));
  });
});
