import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { crc32cTable } from '@longhaul/kv-core';
import { s3Available, startS3, type S3Server } from '@longhaul/testing';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectTierOptions } from '../src/adapters/object/object-tier-options.js';
import { ObjectTier } from '../src/adapters/object/object-tier.js';
import type { S3BucketOptions } from '../src/adapters/object/s3-bucket.js';
import { startFlakyProxy } from './flaky-proxy.js';
import { bucketOf } from './s3-buckets.js';
import { testBlock, testBlocks, type TestBlock } from './test-blocks.js';

const s3 = await s3Available();

(s3.available ? describe : describe.skip)('the object tier over a real S3 server', () => {
  let server: S3Server;
  let prefix: string;
  let folders = 0;
  const tiers: ObjectTier[] = [];

  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    prefix = `folder-${folders++}/kv/v1`;
  });
  afterEach(async () => {
    await Promise.all(tiers.splice(0).map((tier) => tier.close()));
  });

  async function open(options: Partial<ObjectTierOptions> = {}, s3Options: Partial<S3BucketOptions> = {}) {
    const tier = await ObjectTier.open({
      bucket: bucketOf(server, { prefix, readMs: 1_500, uploadMs: 3_000, ...s3Options }),
      checksum: crc32cTable,
      limitBytes: 64 * 2 ** 20,
      extentBytes: 100_000,
      extentAgeMs: 10,
      probeMs: 60,
      ...options,
    });
    tiers.push(tier);
    return tier;
  }

  const put = (tier: ObjectTier, blocks: readonly TestBlock[]) =>
    Promise.all(blocks.map(({ key, object }) => tier.put(key, object)));

  const readWhole = (tier: ObjectTier, { key, object }: TestBlock) => tier.read(key, 0, object.length);

  async function expectHeld(tier: ObjectTier, blocks: readonly TestBlock[]): Promise<void> {
    for (const block of blocks) expect(Buffer.compare(await readWhole(tier, block), block.object)).toBe(0);
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      if (tries > 500) throw new Error('It did not happen within 10 s.');
      await sleep(20);
    }
  }

  /** Paths of the stored objects as files, by their end. */
  function files(end: string): string[] {
    const root = join(server.dataDir, server.bucket, prefix);
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(end))
      .map((name) => join(root, name));
  }

  it('packs blocks of one tenant into one extent, named after the first', async () => {
    const tier = await open({ extentAgeMs: 200 });
    await Promise.all([put(tier, testBlocks(4)), put(tier, testBlocks(3, 20_000, 'other'))]);
    const names = files('.kvx').map((path) => path.slice(path.indexOf('kv/v1/')));
    expect(names).toHaveLength(2);
    const first = Buffer.from(testBlock(0).key).toString('hex');
    const [own] = names.filter((name) => name.endsWith(`/${first.slice(0, 4)}/${first}.kvx`));
    const object = Buffer.from(testBlock(0).object);
    expect(own).toContain(`kv/v1/${object.toString('hex', 32, 40)}/${object.toString('hex', 128, 136)}/`);
  });

  it('rebuilds everything from the bucket alone, extents of many objects too', async () => {
    const blocks = [...testBlocks(300, 600), ...testBlocks(20, 30_000, 'other')];
    const first = await open({ extentBytes: 2_000_000, extentAgeMs: 50 });
    await put(first, blocks);
    const second = await open();
    expect(second.objects).toBe(blocks.length);
    expect(second.usedBytes).toBe(first.usedBytes);
    await expectHeld(second, blocks);
  });

  it('brings the heads of all blocks of an extent with one request', async () => {
    const blocks = testBlocks(5);
    await put(await open(), blocks);
    const tier = await open();
    const head = ({ key }: TestBlock) => tier.read(key, 0, 256);
    await head(blocks[0] as TestBlock);
    await server.halt();
    for (const block of blocks) expect(Buffer.compare(await head(block), block.object.subarray(0, 256))).toBe(0);
    await server.restart();
  });

  it('lets two writers of the same blocks both succeed, and stores them once', async () => {
    const [a, b] = [await open(), await open()];
    const blocks = testBlocks(4);
    await Promise.all([put(a, blocks), put(b, blocks)]);
    await expectHeld(a, blocks);
    await expectHeld(b, blocks);
    expect(files('.kvx')).toHaveLength(1);
  });

  it('stores what the other writer of the same first block lacks', async () => {
    const [a, b] = [await open(), await open()];
    await put(a, testBlocks(2));
    await put(b, testBlocks(4));
    await expectHeld(b, testBlocks(4));
    await expectHeld(await open(), testBlocks(4));
    expect(files('.kvx')).toHaveLength(2);
  });

  it('never serves a block whose stored bytes were changed', async () => {
    const blocks = testBlocks(3);
    const tier = await open({ extentAgeMs: 100 });
    await put(tier, blocks);
    const [path] = files('.kvx') as [string];
    const bytes = readFileSync(path);
    const at = bytes.indexOf((blocks[1] as TestBlock).object.subarray(300, 400));
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(path, bytes);
    await expect(readWhole(tier, blocks[1] as TestBlock)).rejects.toMatchObject({ reason: 'KV_CORRUPT' });
    await expectHeld(tier, [blocks[0] as TestBlock, blocks[2] as TestBlock]);
    expect(tier.stats().corruptReads).toBe(1);
    expect(tier.health.readable).toBe(true);
  });

  it('never serves an extent that was cut, before and after a restart', async () => {
    const blocks = testBlocks(3);
    const tier = await open({ extentAgeMs: 100 });
    await put(tier, blocks);
    const [path] = files('.kvx') as [string];
    truncateSync(path, 30_000);
    await expect(readWhole(tier, blocks[2] as TestBlock)).rejects.toMatchObject({ reason: 'KV_CORRUPT' });
    const second = await open();
    expect(second.objects).toBe(0);
    expect(second.stats()).toMatchObject({ damagedExtents: 1, damagedBytes: 30_000 });
    await put(second, blocks);
    await expectHeld(second, blocks);
  });

  it('treats an extent that a lifecycle rule deleted as a miss', async () => {
    const blocks = testBlocks(3);
    const tier = await open({ extentAgeMs: 100 });
    await put(tier, blocks);
    for (const path of files('.kvx')) rmSync(path);
    await expect(readWhole(tier, blocks[0] as TestBlock)).rejects.toMatchObject({ reason: 'KV_NOT_FOUND' });
    expect(tier.objects).toBe(0);
    expect(tier.usedBytes).toBe(0);
    await put(tier, blocks);
    await expectHeld(tier, blocks);
  });

  it('rewrites an extent of which less than a quarter is wanted, and deletes it', async () => {
    const blocks = testBlocks(10, 9_000);
    const tier = await open({ extentAgeMs: 100 });
    await put(tier, blocks);
    const [before] = files('.kvx');
    await tier.remove(blocks.slice(0, 7).map(({ key }) => key));
    expect(files('.kvx')).toEqual([before]);
    expect(files('.kvt')).toHaveLength(1);
    await tier.remove([(blocks[7] as TestBlock).key]);
    await tier.idle();
    expect(files('.kvx')).not.toContain(before);
    expect(files('.kvt')).toEqual([]);
    expect(tier.stats()).toMatchObject({ rewrittenExtents: 1, deletedExtents: 1, objects: 2, doomedBytes: 0 });
    expect(tier.usedBytes).toBeLessThan(21_000);
    await expectHeld(tier, blocks.slice(8));
    await expectHeld(await open(), blocks.slice(8));
  });

  it('deletes an extent of which nothing is wanted', async () => {
    const blocks = testBlocks(4);
    const tier = await open();
    await put(tier, blocks);
    await tier.remove(blocks.map(({ key }) => key));
    expect(files('.kvx')).toEqual([]);
    expect(tier.usedBytes).toBe(0);
  });

  it('loses nothing that was acknowledged when the server is killed in the middle, and comes back by itself', async () => {
    const tier = await open();
    const blocks = testBlocks(60, 30_000);
    const killed = sleep(30).then(() => server.kill());
    const outcomes = await Promise.allSettled(
      blocks.map(async ({ key, object }, i) => {
        await sleep(i * 2);
        await tier.put(key, object);
      }),
    );
    await killed;
    await expect(tier.put(testBlock(999).key, testBlock(999).object)).rejects.toMatchObject({
      reason: 'KV_STORE_UNAVAILABLE',
    });
    expect(tier.health).toMatchObject({ writable: false });
    expect(tier.health.reason).not.toBe('');
    await expect(readWhole(tier, blocks[0] as TestBlock)).rejects.toHaveProperty('reason');
    await server.restart();
    await until(() => tier.health.writable && tier.health.readable);
    const acknowledged = blocks.filter((_, i) => outcomes[i]?.status === 'fulfilled');
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
    await expectHeld(tier, acknowledged);
    await expectHeld(await open(), acknowledged);
    await put(tier, blocks);
    await expectHeld(tier, blocks);
  });

  it('gives up on a server that accepts and never answers, and uses it again when it does', async () => {
    const tier = await open({}, { readMs: 400, uploadMs: 400 });
    const [block, other] = testBlocks(2) as [TestBlock, TestBlock];
    await put(tier, [block]);
    await server.freeze();
    try {
      const failures = await Promise.allSettled([readWhole(tier, block), tier.put(other.key, other.object)]);
      for (const failure of failures)
        expect(failure).toMatchObject({ status: 'rejected', reason: { reason: 'KV_STORE_UNAVAILABLE' } });
      expect(tier.health).toMatchObject({ readable: false, writable: false });
      expect(tier.stats()).toMatchObject({ pendingBytes: 0, readsRunning: 0 });
    } finally {
      server.thaw();
    }
    await until(() => tier.health.writable && tier.health.readable);
    await put(tier, [other]);
    await expectHeld(tier, [block, other]);
  });

  it('opens while the server is away, and has everything once it is back', async () => {
    const blocks = testBlocks(3);
    await put(await open(), blocks);
    await server.halt();
    let found = 0;
    const tier = await open({ onFound: () => void found++ }, { readMs: 300 });
    expect(tier.health).toMatchObject({ readable: false, writable: false });
    expect(tier.objects).toBe(0);
    await expect(tier.put(testBlock(9).key, testBlock(9).object)).rejects.toMatchObject({
      reason: 'KV_STORE_UNAVAILABLE',
    });
    await server.restart();
    await until(() => tier.health.readable);
    expect(found).toBe(1);
    await expectHeld(tier, blocks);
  });

  it('says that the credentials are refused, and does not repeat the call', async () => {
    let retries = 0;
    const credentials = { accessKeyId: 'longhaul-test', secretAccessKey: 'wrong' };
    const tier = await open({}, { credentials, onRetry: () => void retries++ });
    expect(tier.health).toMatchObject({ readable: false, writable: false });
    expect(tier.health.reason).toMatch(/credentials/);
    expect(tier.health.reason).not.toMatch(/wrong/);
    expect(retries).toBe(0);
  });

  it('says that the bucket is missing', async () => {
    const tier = await open({}, { bucket: 'no-such-bucket' });
    expect(tier.health.reason).toMatch(/bucket/);
  });

  it('gets over a server that asks for fewer requests', async () => {
    const proxy = await startFlakyProxy(server.endpoint);
    try {
      const retried: unknown[] = [];
      const tier = await open(
        {},
        { endpoint: proxy.endpoint, onRetry: (error) => retried.push(error.details['outage']) },
      );
      proxy.refuseNext = 2;
      const blocks = testBlocks(2);
      await put(tier, blocks);
      proxy.refuseNext = 1;
      await expectHeld(tier, blocks);
      expect(proxy.refused).toBe(3);
      expect(retried).toEqual(['throttled', 'throttled', 'throttled']);
      proxy.refuseNext = 3;
      await expect(readWhole(tier, blocks[0] as TestBlock)).rejects.toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
      await until(() => tier.health.readable);
      await expectHeld(tier, blocks);
    } finally {
      await proxy.close();
    }
  });
});
