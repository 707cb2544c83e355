import { describe, expect, it } from '@jest/globals';
import { FakeTier } from '../../../test/core/fake-tier.js';
import { chain, lower, reasonOf, settle, space, StoreFixture } from '../../../test/core/store-fixture.js';

const [a, b] = [space('tenant-a'), space('tenant-b')];

describe('a namespace', () => {
  it('that has not shaken hands can do nothing', async () => {
    const store = await StoreFixture.ready({}, []);
    const [block] = chain(1);
    const keys = [block!.key];
    const { namespace } = a;
    const refused = [
      store.lookup([block!]),
      store.begin(block!),
      store.frames([block!], new Uint8Array(16)).next(),
      store.core.pin({ namespace, keys, ttlSeconds: 1, hard: false }),
      store.core.unpin(namespace, keys),
      store.core.evict({ namespace, what: { kind: 'namespace' } }),
      store.core.snapshot(namespace)[Symbol.asyncIterator]().next(),
      store.core.stat(namespace),
    ];
    expect(new Set(await Promise.all(refused.map(reasonOf)))).toEqual(new Set(['KV_NAMESPACE_MISMATCH']));
  });

  it.each([
    ['another model', space('tenant-a', 0, 'other').namespace],
    ['another tenant', { ...a.namespace, tenant: 'tenant-b' }],
    ['a short id', { ...a.namespace, id: a.namespace.id.subarray(1) }],
    [
      'another id with the same tag',
      { ...a.namespace, id: Buffer.concat([a.namespace.id.subarray(0, 31), Buffer.of(0)]) },
    ],
  ])('with %s is refused by the handshake', async (_, namespace) => {
    const store = await StoreFixture.ready({}, [a]);
    expect(await reasonOf(store.handshake(namespace))).toBe('KV_NAMESPACE_MISMATCH');
    expect(await reasonOf(store.core.stat(namespace))).toBe('KV_NAMESPACE_MISMATCH');
  });

  it('agrees on version and codecs or is refused', async () => {
    const store = await StoreFixture.ready({}, []);
    const shake = (formatVersions: number[], codecs: number[]) =>
      reasonOf(store.core.handshake({ namespace: a.namespace, formatVersions, codecs, workerId: 'w' }));
    expect(await shake([1], [0])).toBe('KV_UNSUPPORTED');
    expect(await shake([2], [1])).toBe('KV_UNSUPPORTED');
    expect(await shake([1, 2], [0, 6])).toBe('resolved');
  });

  it('never finds the blocks of another one, though it knows their keys', async () => {
    const store = await StoreFixture.ready({}, [a, b]);
    const blocks = chain(3, { space: a });
    await store.putAll(blocks, a);
    expect(await store.matched(blocks, b)).toBe(0);
    const pin = { namespace: b.namespace, keys: [blocks[0]!.key], ttlSeconds: 1, hard: true };
    expect(await reasonOf(store.core.pin(pin))).toBe('KV_NOT_FOUND');
    expect(await reasonOf(store.begin(blocks[0]!, b))).toBe('KV_NAMESPACE_MISMATCH');
    expect((await store.core.stat(b.namespace)).tiers[0]).toMatchObject({ objects: 0, bytes: 0 });
  });

  it('of a higher epoch makes the blocks of the lower one void, leased and pinned or not', async () => {
    const store = await StoreFixture.ready({}, [a]);
    const blocks = chain(3);
    await store.putAll(blocks);
    await store.lookup(blocks);
    await store.core.pin({ namespace: a.namespace, keys: [blocks[0]!.key], ttlSeconds: 100, hard: true });
    const next = space('tenant-a', 1);
    await store.handshake(next.namespace);
    expect(await reasonOf(store.lookup(blocks, a))).toBe('KV_NAMESPACE_MISMATCH');
    expect(await store.matched(blocks, next)).toBe(0);
    expect((await store.core.stat(null)).tiers[0]).toMatchObject({ objects: 0, bytes: 0 });
    expect(await reasonOf(store.handshake(a.namespace))).toBe('KV_NAMESPACE_MISMATCH');
    const again = chain(3, { space: next });
    await store.putAll(again, next);
    expect(await store.matched(again, next)).toBe(3);
  });

  it('counts what it has in each tier, and what it asked and found', async () => {
    const store = await StoreFixture.ready({ lower: lower(new FakeTier('disk', 1e9)) }, [a, b]);
    const blocks = chain(2);
    await store.putAll(blocks);
    await settle();
    await store.lookup(chain(5));
    const stat = await store.core.stat(a.namespace);
    expect(stat).toMatchObject({ leases: 1, lookups: 1, hitBlocks: 2, missedBlocks: 3, corruptBlocks: 0 });
    expect(stat.tiers.map(({ tier, objects }) => [tier, objects])).toEqual([
      ['ram', 2],
      ['disk', 2],
    ]);
    expect(await store.core.stat(b.namespace)).toMatchObject({ leases: 0, lookups: 0 });
  });
});
