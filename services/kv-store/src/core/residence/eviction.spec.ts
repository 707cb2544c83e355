import { describe, expect, it } from '@jest/globals';
import { FakeTier } from '../../../test/core/fake-tier.js';
import { BLOCK_BYTES, chain, lower, reasonOf, settle, space, StoreFixture } from '../../../test/core/store-fixture.js';

const { namespace } = space();
const keysOf = (samples: readonly { key: Uint8Array }[]) => samples.map(({ key }) => key);
const tenMore = { ramBytes: Infinity, diskBytes: Infinity, objectBytes: Infinity, hardPinnedBytes: Infinity };

describe('eviction', () => {
  it('keeps memory within its bytes, and takes the leaf of a chain before its parent', async () => {
    const store = await StoreFixture.ready({ ramBytes: 10 * BLOCK_BYTES });
    const blocks = chain(30);
    await store.putAll(blocks.slice(0, 8));
    for (let seed = 1; seed <= 5; seed++) await store.putAll(chain(1, { seed, recomputeMicros: 1_000_000 }));
    const kept = await store.matched(blocks);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(8);
    expect(store.gauge('tier_bytes', 'ram').most).toBeLessThanOrEqual(10 * BLOCK_BYTES);
    expect(store.gauge('tier_objects', 'ram').value).toBe(kept + 5);
  });

  it('starts at 90 % and frees 5 % at a time', async () => {
    const store = await StoreFixture.ready({ ramBytes: 100 * BLOCK_BYTES });
    for (let seed = 0; seed < 90; seed++) await store.putAll(chain(1, { seed }));
    expect(store.count('evicted_blocks')).toBe(0);
    await store.putAll(chain(1, { seed: 90 }));
    expect(store.count('evicted_blocks')).toBe(6);
  });

  it('takes what is cheap to compute anew before what is dear, and what is old before what is used', async () => {
    const store = await StoreFixture.ready({ ramBytes: 10 * BLOCK_BYTES });
    const one = (seed: number, recomputeMicros: number) => chain(1, { seed, recomputeMicros });
    await store.putAll(one(1, 9000));
    for (let seed = 2; seed < 10; seed++) await store.putAll(one(seed, 1000));
    await store.matched(one(2, 1000));
    await store.putAll(one(10, 1000));
    expect(await store.matched(one(1, 9000))).toBe(1);
    expect(await store.matched(one(2, 1000))).toBe(1);
    expect(await store.matched(one(3, 1000))).toBe(0);
  });

  it('never takes what is leased: the put is refused instead', async () => {
    const store = await StoreFixture.ready({ ramBytes: 4 * BLOCK_BYTES });
    const blocks = chain(4);
    await store.putAll(blocks.slice(0, 3));
    const { leaseId } = await store.lookup(blocks.slice(0, 3));
    await store.put(blocks[3]!);
    await store.lookup(blocks);
    expect(await reasonOf(store.put(chain(1, { seed: 5 })[0]!))).toBe('KV_QUOTA_EXCEEDED');
    await store.core.releaseLease(leaseId);
    store.clock.advance(10_000);
    expect(await reasonOf(store.put(chain(1, { seed: 5 })[0]!))).toBe('resolved');
  });

  it('never takes what is pinned hard, and takes what is pinned soft last', async () => {
    const store = await StoreFixture.ready({ ramBytes: 4 * BLOCK_BYTES });
    const [hard, soft, plain] = [1, 2, 3].map((seed) => chain(1, { seed }));
    await store.putAll([...hard!, ...soft!, ...plain!]);
    await store.core.pin({ namespace, keys: keysOf(hard!), ttlSeconds: 100, hard: true });
    await store.core.pin({ namespace, keys: keysOf(soft!), ttlSeconds: 100, hard: false });
    await store.putAll(chain(1, { seed: 4 }));
    expect([await store.matched(plain!), await store.matched(soft!)]).toEqual([0, 1]);
    const { leaseId } = await store.lookup(chain(1, { seed: 4 }));
    await store.putAll(chain(1, { seed: 5 }));
    await store.core.releaseLease(leaseId);
    expect([await store.matched(hard!), await store.matched(soft!)]).toEqual([1, 0]);
    store.clock.advance(101_000);
    await store.putAll(chain(4, { seed: 6 }));
    expect(await store.matched(hard!)).toBe(0);
  });

  it('takes the own blocks of a tenant that is over its quota, not its neighbours’', async () => {
    const [a, b] = [space('tenant-a'), space('tenant-b')];
    const byTenant = new Map([['tenant-b', { ...tenMore, ramBytes: 3 * BLOCK_BYTES }]]);
    const store = await StoreFixture.ready({ tenants: { default: tenMore, byTenant } }, [a, b]);
    const mine = chain(5, { space: a });
    await store.putAll(mine, a);
    for (let seed = 0; seed < 8; seed++) await store.putAll(chain(1, { space: b, seed }), b);
    expect(await store.matched(mine, a)).toBe(5);
    expect(store.gauge('tenant_bytes', 'ram', 'tenant-b').most).toBe(3 * BLOCK_BYTES);
    expect((await store.core.stat(b.namespace)).tiers[0]).toMatchObject({ objects: 3, limitBytes: 3 * BLOCK_BYTES });
  });

  it('refuses a tenant whose quota is leased', async () => {
    const tenants = { default: { ...tenMore, ramBytes: 2 * BLOCK_BYTES }, byTenant: new Map() };
    const store = await StoreFixture.ready({ tenants });
    const blocks = chain(3);
    await store.putAll(blocks.slice(0, 2));
    await store.lookup(blocks);
    await expect(store.put(blocks[2]!)).rejects.toMatchObject({
      reason: 'KV_QUOTA_EXCEEDED',
      details: { tier: 'ram', limit: 2 * BLOCK_BYTES },
    });
  });

  it('counts hard pins against the tenant', async () => {
    const tenants = { default: { ...tenMore, hardPinnedBytes: BLOCK_BYTES }, byTenant: new Map() };
    const store = await StoreFixture.ready({ tenants });
    const blocks = chain(2);
    await store.putAll(blocks);
    const pin = (samples: typeof blocks) =>
      reasonOf(store.core.pin({ namespace, keys: keysOf(samples), ttlSeconds: 9, hard: true }));
    expect(await pin(blocks)).toBe('KV_QUOTA_EXCEEDED');
    expect(await pin(blocks.slice(0, 1))).toBe('resolved');
    expect(await pin(blocks.slice(1))).toBe('KV_QUOTA_EXCEEDED');
    await store.core.unpin(namespace, keysOf(blocks));
    expect(await pin(blocks.slice(1))).toBe('resolved');
  });

  it.each([0, 86_401, 1.5])('refuses a pin for %p seconds', async (ttlSeconds) => {
    const store = await StoreFixture.ready();
    await store.putAll(chain(1));
    const request = { namespace, keys: keysOf(chain(1)), ttlSeconds, hard: false };
    expect(await reasonOf(store.core.pin(request))).toBe('INVALID_ARGUMENT');
  });

  it('keeps a lower tier within its bytes, and what it drops there stays in memory', async () => {
    const disk = new FakeTier('disk', 10 * BLOCK_BYTES);
    const store = await StoreFixture.ready({ lower: lower(disk) });
    for (let seed = 0; seed < 20; seed++) {
      await store.putAll(chain(1, { seed }));
      await settle();
    }
    expect(disk.mostBytes).toBeLessThanOrEqual(10 * BLOCK_BYTES);
    expect(store.gauge('tier_objects', 'ram').value).toBe(20);
    expect(disk.objects).toBeGreaterThan(7);
  });

  it('evicts once more when the tier itself says that it is full', async () => {
    const disk = new FakeTier('disk', 10 * BLOCK_BYTES);
    const store = await StoreFixture.ready({ lower: lower(disk) });
    for (let seed = 0; seed < 5; seed++) await store.putAll(chain(1, { seed }));
    await settle();
    for (let i = 0; i < 5; i++) disk.objectsByKey.set(`${i}${i}`.repeat(32), new Uint8Array(BLOCK_BYTES));
    await store.putAll(chain(1, { seed: 9 }));
    await settle();
    expect(store.count('evicted_blocks', 'disk')).toBe(1);
    expect(disk.objects).toBe(10);
  });
});

describe('an evict request', () => {
  it('takes the blocks named, from every tier, and leaves and counts what is leased', async () => {
    const disk = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(disk) });
    const blocks = chain(4);
    await store.putAll(blocks);
    await settle();
    const { leaseId } = await store.lookup(blocks.slice(0, 2));
    const request = { namespace, what: { kind: 'keys', keys: keysOf(blocks) } } as const;
    expect(await store.core.evict(request)).toEqual({ evicted: 2, leasedSkipped: 2 });
    expect([disk.objects, await store.matched(blocks)]).toEqual([2, 2]);
    await store.core.releaseLease(leaseId);
    expect(await store.core.evict(request)).toEqual({ evicted: 2, leasedSkipped: 0 });
    expect(store.gauge('index_blocks').value).toBeLessThanOrEqual(1);
  });

  it('of a namespace takes only that namespace', async () => {
    const [a, b] = [space('tenant-a'), space('tenant-b')];
    const store = await StoreFixture.ready({}, [a, b]);
    await store.putAll(chain(3, { space: a }), a);
    await store.putAll(chain(3, { space: b }), b);
    const outcome = await store.core.evict({ namespace: a.namespace, what: { kind: 'namespace' } });
    expect(outcome).toEqual({ evicted: 3, leasedSkipped: 0 });
    expect(await store.matched(chain(3, { space: b }), b)).toBe(3);
    const foreign = { namespace: a.namespace, what: { kind: 'keys', keys: keysOf(chain(3, { space: b })) } } as const;
    expect(await store.core.evict(foreign)).toEqual({ evicted: 0, leasedSkipped: 0 });
  });

  it('deletes what is being read only when the reads have ended', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const frames = store.frames(blocks, leaseId);
    await frames.next();
    await store.core.releaseLease(leaseId);
    const evicted = store.core.evict({ namespace, what: { kind: 'namespace' } });
    await settle();
    expect(await store.matched(blocks)).toBe(0);
    expect(await reasonOf(store.begin(blocks[0]!))).toBe('KV_BUSY');
    await frames.return(undefined);
    expect(await evicted).toEqual({ evicted: 1, leasedSkipped: 0 });
    expect(await reasonOf(store.put(blocks[0]!))).toBe('resolved');
  });
});
