import { describe, expect, it } from '@jest/globals';
import { FakeTier } from '../../test/core/fake-tier.js';
import { BLOCK_BYTES, chain, lower, reasonOf, settle, space, StoreFixture } from '../../test/core/store-fixture.js';

const a = space();

describe('a tier that fails', () => {
  it('to write never keeps a put from memory', async () => {
    const disk = new FakeTier();
    disk.writes = 'fails';
    const store = await StoreFixture.ready({ lower: lower(disk), limits: { tierFailures: 3 } });
    const blocks = chain(6);
    for (const block of blocks) {
      expect((await store.put(block)).durableTier).toBe('ram');
      await settle();
    }
    expect(await store.matched(blocks)).toBe(6);
    expect(store.count('tier_errors', 'disk')).toBe(3);
    expect(store.count('write_through_skipped', 'disk', 'not_writable')).toBeGreaterThan(0);
  });

  it('is tried again after its pause, and gets what it missed when that is hit', async () => {
    const disk = new FakeTier();
    disk.writes = 'fails';
    const store = await StoreFixture.ready({ lower: lower(disk), limits: { tierFailures: 1, tierPauseMs: 5_000 } });
    const blocks = chain(2);
    await store.putAll(blocks);
    await settle();
    disk.writes = 'well';
    await store.matched(blocks);
    await settle();
    expect(disk.objects).toBe(0);
    store.clock.advance(5_000);
    await store.matched(blocks);
    await settle();
    expect(disk.objects).toBe(2);
  });

  it('to read is skipped by lookups for a while; what memory has is served', async () => {
    const disk = new FakeTier();
    const limits = { tierFailures: 2, tierPauseMs: 5_000 };
    const first = await StoreFixture.ready({ lower: lower(disk) });
    const blocks = chain(4);
    await first.putAll(blocks);
    await settle();
    const store = await StoreFixture.ready({ lower: lower(disk), limits });
    await store.putAll(chain(2, { seed: 5 }));
    disk.reads = 'fails';
    expect((await store.read(blocks)).outcomes[0]).toBe('not_found');
    expect((await store.read(blocks)).outcomes[0]).toBeUndefined();
    expect(await store.matched(blocks)).toBe(0);
    expect((await store.read(chain(2, { seed: 5 }))).outcomes).toEqual(['ok', 'ok']);
    disk.reads = 'well';
    store.clock.advance(5_000);
    expect((await store.read(blocks)).outcomes).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(store.count('corrupt_blocks')).toBe(0);
  });

  it('is skipped by lookups when it says itself that it cannot be read', async () => {
    const disk = new FakeTier();
    const first = await StoreFixture.ready({ lower: lower(disk) });
    await first.putAll(chain(1));
    await settle();
    const store = await StoreFixture.ready({ lower: lower(disk) });
    disk.health.readable = false;
    expect(await store.matched(chain(1))).toBe(0);
    disk.health.readable = true;
    expect(await store.matched(chain(1))).toBe(1);
  });

  it('to delete still loses its blocks from lookups at once', async () => {
    const disk = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(disk) });
    await store.putAll(chain(1));
    await settle();
    disk.removals = 'fails';
    await store.core.evict({ namespace: a.namespace, what: { kind: 'namespace' } });
    expect(await store.matched(chain(1))).toBe(0);
    disk.removals = 'well';
    await store.putAll(chain(1));
    await settle();
    expect((await store.lookup(chain(1))).matchedBlocks).toBe(1);
    expect(store.count('written_through', 'disk')).toBe(2 * BLOCK_BYTES);
  });
});

describe('a tier that refuses to delete', () => {
  it('is asked again until it does', async () => {
    const disk = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(disk) });
    await store.putAll(chain(3));
    await settle();
    disk.removals = 'fails';
    await store.core.evict({ namespace: a.namespace, what: { kind: 'namespace' } });
    expect([disk.objects, store.gauge('unremoved_objects').value]).toEqual([3, 3]);
    disk.removals = 'well';
    store.clock.advance(7_000);
    await settle();
    expect([disk.objects, store.gauge('unremoved_objects').value]).toEqual([0, 0]);
  });
});

describe('a tier that hangs', () => {
  it('in a write is left after its deadline, and what it wrote too late is deleted when it is used again', async () => {
    const disk = new FakeTier();
    disk.writes = 'hangs';
    const store = await StoreFixture.ready({ lower: lower(disk), limits: { tierDeadlineMs: 10_000 } });
    await store.putAll(chain(1));
    await settle();
    store.clock.advance(10_000);
    await settle();
    expect(store.count('tier_timeouts', 'disk')).toBe(1);
    expect(store.gauge('write_through_blocks').value).toBe(0);
    disk.release();
    await settle();
    store.clock.advance(6_000);
    await settle();
    expect([disk.objects, store.gauge('tier_operations', 'disk').value]).toEqual([0, 0]);
    expect(await store.matched(chain(1))).toBe(1);
  });

  it('holds nobody up a second time: it is left alone, says why, and is tried again', async () => {
    const disk = new FakeTier();
    disk.writes = 'hangs';
    const limits = { tierDeadlineMs: 10_000, tierPauseMs: 3_000 };
    const store = await StoreFixture.ready({ lower: lower(disk), limits });
    const [tier] = store.core.tiers;
    expect(tier?.health).toEqual({ readable: true, writable: true, reason: '' });
    await store.putAll(chain(1));
    await settle();
    store.clock.advance(10_000);
    await settle();
    expect(tier?.health).toMatchObject({ readable: true, writable: false, reason: expect.stringMatching(/10000 ms/) });
    expect(store.count('tier_pauses', 'disk')).toBe(1);
    disk.release();
    disk.writes = 'well';
    store.clock.advance(3_000);
    expect(tier?.health).toEqual({ readable: true, writable: true, reason: '' });
    await store.matched(chain(1));
    await settle();
    expect(disk.objects).toBe(1);
  });

  it('in a read ends the block as not found after its deadline', async () => {
    const disk = new FakeTier();
    const first = await StoreFixture.ready({ lower: lower(disk) });
    await first.putAll(chain(2));
    await settle();
    const store = await StoreFixture.ready({ lower: lower(disk), limits: { tierDeadlineMs: 20_000 } });
    disk.reads = 'hangs';
    const received = store.read(chain(2));
    await settle();
    store.clock.advance(20_000);
    expect((await received).outcomes).toEqual(['not_found', 'cancelled']);
    disk.release();
  });

  it('makes a commit that waits for it wait no longer than agreed', async () => {
    const disk = new FakeTier();
    disk.writes = 'hangs';
    const store = await StoreFixture.ready({
      ...{ lower: lower(disk), waitForDurable: true, limits: { durableWaitMs: 2_000 } },
    });
    const outcome = store.put(chain(1)[0]!);
    await settle();
    store.clock.advance(2_000);
    expect((await outcome).durableTier).toBe('ram');
    disk.release();
  });

  it('fills the queue to its bound and no further', async () => {
    const disk = new FakeTier();
    disk.writes = 'hangs';
    const limits = { writeThroughBlocks: 3, writeThroughConcurrency: 1 };
    const store = await StoreFixture.ready({ lower: lower(disk), limits });
    await store.putAll(chain(10));
    expect(store.gauge('write_through_blocks')).toMatchObject({ value: 3, most: 3, limit: 3 });
    expect(store.gauge('write_through_backlog').value).toBe(7);
    expect(await store.matched(chain(10))).toBe(10);
    disk.writes = 'well';
    disk.release();
    await store.core.close();
    expect([disk.objects, store.gauge('write_through_backlog').value]).toEqual([10, 0]);
  });
});

describe('a restart', () => {
  const restarted = async (disk: FakeTier, spaces = [a], options = {}) =>
    StoreFixture.ready({ lower: lower(disk), ...options }, spaces);

  it('finds every block of a persistent tier again, with its place and quality', async () => {
    const disk = new FakeTier();
    const first = await restarted(disk);
    await first.putAll(chain(5));
    await first.core.close();
    expect(disk.closed).toBe(true);
    const second = await restarted(disk);
    expect(second.count('recovered_blocks', 'disk', 'kept')).toBe(5);
    expect(await second.read(chain(5))).toMatchObject({ faithful: true, outcomes: Array(5).fill('ok') });
    expect((await second.core.stat(a.namespace)).tiers[1]).toMatchObject({ objects: 5, bytes: 5 * BLOCK_BYTES });
    const [batch] = [...(await collect(second.core.snapshot(a.namespace)))];
    const stored = batch!.events.find((event) => event.kind === 'stored' && event.firstBlock === 3);
    expect(stored).toMatchObject({ keys: [chain(5)[3]!.key], parentKey: chain(5)[2]!.key, blockTokens: 16 });
  });

  it('changes the epoch of the store', async () => {
    const [first, second] = [await restarted(new FakeTier()), new StoreFixture({ random: (n) => Buffer.alloc(n, 9) })];
    expect(first.core.storeEpoch).not.toBe(second.core.storeEpoch);
  });

  it('answers nothing before it is through', async () => {
    const disk = new FakeTier();
    const first = await restarted(disk);
    await first.putAll(chain(1));
    await first.core.close();
    disk.reads = 'hangs';
    const second = new StoreFixture({ lower: lower(disk) });
    const started = second.core.start();
    let answered = false;
    const matched = second.handshake(a.namespace).then(async () => {
      const count = await second.matched(chain(1));
      answered = true;
      return count;
    });
    await settle();
    expect(answered).toBe(false);
    disk.reads = 'well';
    disk.release();
    await started;
    expect(await matched).toBe(1);
  });

  it.each([
    ['key', 70],
    ['padding behind the table', 4000],
  ])('deletes and counts objects with a damaged %s, and leaves alone those that it cannot read', async (_, at) => {
    const disk = new FakeTier();
    const first = await restarted(disk);
    await first.putAll(chain(4));
    await first.core.close();
    const name = Buffer.from(chain(4)[1]!.key).toString('hex');
    disk.objectsByKey.get(name)![at]! ^= 1;
    const second = await restarted(disk);
    expect(await second.matched(chain(4))).toBe(1);
    expect([disk.objects, second.count('corrupt_blocks', 'disk')]).toEqual([3, 1]);
    disk.reads = 'fails';
    const third = await restarted(disk);
    expect(await third.matched(chain(4))).toBe(0);
    expect(disk.objects).toBe(3);
    expect(third.count('recovery_skipped', 'disk')).toBe(3);
  });

  it('keeps namespaces apart and holds a rollout that is over to be over', async () => {
    const disk = new FakeTier();
    const [b, next] = [space('tenant-b'), space('tenant-a', 1)];
    const first = await restarted(disk, [next, b]);
    await first.putAll(chain(2, { space: next }), next);
    await first.putAll(chain(3, { space: b }), b);
    await first.core.close();
    const second = await restarted(disk, [b]);
    expect(await second.matched(chain(2, { space: next }), b)).toBe(0);
    expect(await second.matched(chain(3, { space: b }), b)).toBe(3);
    expect(await reasonOf(second.handshake(a.namespace))).toBe('KV_NAMESPACE_MISMATCH');
    await second.handshake(next.namespace);
    expect(await second.matched(chain(2, { space: next }), next)).toBe(2);
  });

  it('of an index that is too small for the disk finds what fits', async () => {
    const disk = new FakeTier();
    const first = await restarted(disk);
    await first.putAll(chain(9));
    await first.core.close();
    const second = await restarted(disk, [a], { limits: { maxBlocks: 5 } });
    expect(await second.matched(chain(9))).toBe(4);
    expect(second.count('recovery_skipped', 'disk')).toBe(5);
    expect(second.gauge('index_blocks').most).toBeLessThanOrEqual(5);
  });

  it('indexes an object store in the background', async () => {
    const bucket = new FakeTier('object');
    const first = await StoreFixture.ready({ lower: lower(bucket) });
    await first.putAll(chain(3));
    await first.core.close();
    bucket.reads = 'hangs';
    const second = await StoreFixture.ready({ lower: lower(bucket) });
    expect(await second.matched(chain(3))).toBe(0);
    bucket.reads = 'well';
    bucket.release();
    await settle();
    const reads = bucket.readCalls;
    expect(await second.read(chain(3))).toMatchObject({ faithful: true, outcomes: ['ok', 'ok', 'ok'] });
    expect(bucket.readCalls - reads).toBe(3);
  });
});

describe('the end', () => {
  it('comes though a tier stopped writing while blocks were waiting for it', async () => {
    const disk = new FakeTier();
    disk.writes = 'hangs';
    const limits = { writeThroughBlocks: 1, tierFailures: 1 };
    const store = await StoreFixture.ready({ lower: lower(disk), limits });
    await store.putAll(chain(4));
    const closed = store.core.close();
    disk.writes = 'fails';
    await settle();
    store.clock.advance(5_000);
    await closed;
    expect(store.gauge('write_through_backlog').value).toBe(0);
  });

  it('refuses later calls, ends writers and finishes what is on its way to disk', async () => {
    const disk = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(disk) });
    const blocks = chain(5);
    await store.putAll(blocks.slice(0, 4));
    const session = await store.begin(blocks[4]!);
    await store.core.close();
    expect([disk.objects, disk.closed]).toEqual([4, true]);
    expect(await reasonOf(session.write(0, blocks[4]!.object))).toBe('KV_STORE_UNAVAILABLE');
    expect(await reasonOf(store.lookup(blocks))).toBe('KV_STORE_UNAVAILABLE');
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
