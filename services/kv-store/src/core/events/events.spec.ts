import { describe, expect, it } from '@jest/globals';
import type { BlockEvent, BlockEventBatch } from '@longhaul/kv-core';
import { FakeTier } from '../../../test/core/fake-tier.js';
import { chain, lower, reasonOf, settle, space, StoreFixture } from '../../../test/core/store-fixture.js';

const [a, b] = [space('tenant-a'), space('tenant-b')];
const namesOf = (events: readonly BlockEvent[]) =>
  events.map((event) => (event.kind === 'cleared' ? 'cleared' : `${event.kind} ${event.tier}`));

async function take(batches: AsyncIterable<BlockEventBatch>, events: number): Promise<BlockEventBatch[]> {
  const taken: BlockEventBatch[] = [];
  let count = 0;
  for await (const batch of batches) {
    taken.push(batch);
    count += batch.events.length;
    if (count >= events) break;
  }
  return taken;
}

describe('events', () => {
  it('tell per tier what is stored and removed, in order and numbered', async () => {
    const sunk: BlockEventBatch[] = [];
    const sink = { publish: (batch: BlockEventBatch) => void sunk.push(batch) };
    const store = await StoreFixture.ready({ lower: lower(new FakeTier()), sink });
    const blocks = chain(2);
    await store.put(blocks[0]!);
    await settle();
    await store.put(blocks[1]!);
    await settle();
    await store.core.evict({ namespace: a.namespace, what: { kind: 'keys', keys: [blocks[1]!.key] } });
    const events = sunk.flatMap((batch) => batch.events);
    expect(namesOf(events)).toEqual([
      ...['stored ram', 'stored disk', 'stored ram', 'stored disk'],
      ...['removed ram', 'removed disk'],
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
    expect(events[2]).toMatchObject({
      namespaceId: a.namespace.id,
      keys: [blocks[1]!.key],
      parentKey: blocks[0]!.key,
      ...{ firstBlock: 1, blockTokens: 16, quality: 1 },
    });
    expect(new Set(sunk.map(({ owner, storeEpoch }) => `${owner} ${storeEpoch}`))).toEqual(
      new Set([`store-1 ${store.core.storeEpoch}`]),
    );
  });

  it('of a namespace reach only its watchers', async () => {
    const store = await StoreFixture.ready({}, [a, b]);
    const { storeEpoch } = store.core;
    const watch = store.core.watch({ namespace: b.namespace, storeEpoch, fromSequence: 1n });
    const seen = take(watch, 1);
    await store.putAll(chain(3), a);
    await store.putAll(chain(1, { space: b }), b);
    const [batch] = await seen;
    expect(batch!.gap).toBe(false);
    expect(batch!.events).toMatchObject([{ kind: 'stored', sequence: 4n, namespaceId: b.namespace.id }]);
  });

  it('end by the signal', async () => {
    const store = await StoreFixture.ready();
    const abort = new AbortController();
    const request = { namespace: a.namespace, storeEpoch: store.core.storeEpoch, fromSequence: 1n };
    const seen = take(store.core.watch(request, { signal: abort.signal }), 99);
    await store.putAll(chain(1));
    await settle();
    abort.abort();
    expect((await seen).flatMap(({ events }) => namesOf(events))).toEqual(['stored ram']);
    expect(store.gauge('watchers').value).toBe(0);
  });

  it('that a slow watcher lost are told as a gap', async () => {
    const store = await StoreFixture.ready({ limits: { ringEvents: 4 } });
    await store.putAll(chain(10));
    const from = (fromSequence: bigint, storeEpoch = store.core.storeEpoch) =>
      take(store.core.watch({ namespace: a.namespace, storeEpoch, fromSequence }), 4);
    expect(await from(1n)).toMatchObject([{ gap: true, firstSequence: 7n }]);
    expect(await from(7n)).toMatchObject([{ gap: false, firstSequence: 7n }]);
    expect(await from(7n, 1n)).toMatchObject([{ gap: true }]);
    expect(await from(99n)).toMatchObject([{ gap: true }]);
  });

  it('are bounded in watchers', async () => {
    const store = await StoreFixture.ready({ limits: { maxWatchers: 1 } });
    const abort = new AbortController();
    const watch = () =>
      store.core
        .watch({ namespace: a.namespace, storeEpoch: 0n, fromSequence: 1n }, { signal: abort.signal })
        [Symbol.asyncIterator]();
    await watch().next();
    expect(await reasonOf(watch().next())).toBe('KV_BUSY');
    abort.abort();
  });

  it('outlive a sink that throws', async () => {
    const publish = () => {
      throw new Error('broker');
    };
    const store = await StoreFixture.ready({ sink: { publish } });
    await store.putAll(chain(1));
    expect(store.count('sink_errors')).toBe(1);
  });

  it('start after a snapshot where it says', async () => {
    const store = await StoreFixture.ready({ lower: lower(new FakeTier()) }, [a, b]);
    await store.putAll(chain(300));
    await settle();
    await store.putAll(chain(1, { space: b }), b);
    await settle();
    const batches: BlockEventBatch[] = [];
    for await (const batch of store.core.snapshot(a.namespace)) {
      batches.push(batch);
      if (batches.length === 1) await store.putAll(chain(1, { seed: 9 }));
    }
    const last = batches.at(-1)!;
    expect(batches.map(({ snapshot, snapshotEnd }) => [snapshot, snapshotEnd]).at(-1)).toEqual([true, true]);
    const listed = batches.flatMap(({ events }) => events).map((event) => event.kind === 'stored' && event.tier);
    const resident = (await store.core.stat(a.namespace)).tiers;
    expect(listed.filter((tier) => tier === 'disk').length).toBeGreaterThanOrEqual(300);
    expect(listed.filter((tier) => tier === 'ram').length).toBeGreaterThanOrEqual(resident[0]!.objects - 1);
    const request = { namespace: a.namespace, storeEpoch: last.storeEpoch, fromSequence: last.firstSequence };
    const [next] = await take(store.core.watch(request), 1);
    expect(next!.gap).toBe(false);
    expect(next!.events.some((event) => event.kind === 'stored')).toBe(true);
  });

  it('tell that a namespace was cleared', async () => {
    const store = await StoreFixture.ready();
    await store.putAll(chain(1));
    await store.core.evict({ namespace: a.namespace, what: { kind: 'namespace' } });
    const request = { namespace: a.namespace, storeEpoch: store.core.storeEpoch, fromSequence: 1n };
    const batches = await take(store.core.watch(request), 3);
    expect(batches.flatMap(({ events }) => namesOf(events))).toEqual(['stored ram', 'removed ram', 'cleared']);
  });
});
