import { describe, expect, it } from '@jest/globals';
import type { BlockEventBatch } from '@longhaul/kv-core';
import { FakeTier } from '../../../test/core/fake-tier.js';
import { chain, lower, settle, space, StoreFixture } from '../../../test/core/store-fixture.js';

const [a, b] = [space('tenant-a'), space('tenant-b')];

describe('what a tier kept over a restart', () => {
  async function restarted(blocks: number) {
    const disk = new FakeTier();
    const first = await StoreFixture.ready({ lower: lower(disk) });
    await first.putAll(chain(blocks));
    await first.core.close();
    const sunk: BlockEventBatch[] = [];
    const sink = { publish: (batch: BlockEventBatch) => void sunk.push(batch) };
    const store = await StoreFixture.ready({ lower: lower(disk), sink }, []);
    return { store, told: () => sunk.flatMap(({ events }) => events) };
  }

  it('is told once a handshake names whose it is, and once only', async () => {
    const { store, told } = await restarted(3);
    await store.handshake(b.namespace);
    expect(told()).toEqual([]);
    await store.handshake(a.namespace);
    await store.handshake(a.namespace);
    const keys = chain(3).map(({ key }) => key);
    const place = { kind: 'stored', tier: 'disk', namespaceId: a.namespace.id };
    expect(told()).toHaveLength(3);
    for (const key of keys) expect(told()).toContainEqual(expect.objectContaining({ ...place, keys: [key] }));
    expect(told().map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
  });

  it('of a large namespace is told in pieces, without what was evicted between them', async () => {
    const blocks = 300;
    const { store, told } = await restarted(blocks);
    await store.handshake(a.namespace);
    const first = told().length;
    expect(first).toBeLessThan(blocks);
    const toldKeys = new Set(told().flatMap((event) => (event.kind === 'stored' ? event.keys.map(nameOf) : [])));
    const untold = chain(blocks).filter(({ key }) => !toldKeys.has(nameOf(key)));
    const what = { kind: 'keys' as const, keys: [untold.at(-1)!.key] };
    await store.core.evict({ namespace: a.namespace, what });
    store.clock.advance(1);
    await settle();
    const stored = told().filter(({ kind }) => kind === 'stored');
    expect(stored).toHaveLength(blocks - 1);
  });
});

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
