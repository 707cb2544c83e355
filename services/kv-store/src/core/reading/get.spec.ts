import { describe, expect, it } from '@jest/globals';
import { crc32cTable, QualityClass } from '@longhaul/kv-core';
import { FakeTier } from '../../../test/core/fake-tier.js';
import {
  BLOCK_BYTES,
  chain,
  lower,
  reasonOf,
  receive,
  sectionAt,
  settle,
  space,
  StoreFixture,
} from '../../../test/core/store-fixture.js';

const onDisk = async (count: number, options = {}) => {
  const disk = new FakeTier();
  const store = await StoreFixture.ready({ lower: lower(disk), ramBytes: 2 * BLOCK_BYTES, ...options });
  const blocks = chain(count);
  for (const block of blocks) {
    await store.put(block);
    await settle();
  }
  return { disk, store, blocks };
};

describe('a lookup', () => {
  it('finds the longest run of blocks from the first key on', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(6);
    await store.putAll([...blocks.slice(0, 3), ...blocks.slice(4)]);
    expect(await store.matched(blocks)).toBe(3);
    expect(await store.matched(blocks.slice(3))).toBe(0);
    expect(await store.matched(blocks.slice(4))).toBe(2);
  });

  it('finds no block of a worse quality than asked for', async () => {
    const store = await StoreFixture.ready();
    const [good, worse] = [chain(2)[0]!, chain(2, { quality: QualityClass.lossy })[1]!];
    await store.putAll([good, worse]);
    const asked = async (quality: QualityClass) =>
      (await store.lookup([good, worse], space(), 0, quality)).matchedBlocks;
    expect(await asked(QualityClass.exact)).toBe(1);
    expect(await asked(QualityClass.lossy)).toBe(2);
  });

  it('tells for each run of blocks the fastest tier, its bytes and the time to expect', async () => {
    const { store, blocks } = await onDisk(4);
    const { spans } = await store.lookup(blocks);
    expect(spans.map(({ tier, first, count }) => [tier, first, count])).toEqual([
      ['disk', 0, 3],
      ['ram', 3, 1],
    ]);
    expect(spans[0]!.storedBytes).toBe(3 * BLOCK_BYTES);
    expect(spans[0]!.estimatedLoadMicros).toBeGreaterThan(spans[1]!.estimatedLoadMicros);
  });

  it('does not lease what it did not find', async () => {
    const store = await StoreFixture.ready();
    expect(await store.lookup(chain(1))).toMatchObject({ matchedBlocks: 0, spans: [], leaseId: new Uint8Array() });
    expect(store.gauge('leases').value).toBe(0);
  });

  it('gives a bounded number of leases, for a bounded time', async () => {
    const store = await StoreFixture.ready({ limits: { maxLeases: 2, maxLeaseMs: 20_000 } });
    const blocks = chain(1);
    await store.putAll(blocks);
    const first = await store.lookup(blocks, space(), 3_600_000);
    expect(first.leaseExpiresUnixMs).toBe(store.clock.steadyUnixMs() + 20_000);
    expect((await store.lookup(blocks)).leaseExpiresUnixMs).toBe(store.clock.steadyUnixMs() + 10_000);
    expect(await reasonOf(store.lookup(blocks))).toBe('KV_BUSY');
    store.clock.advance(10_000);
    expect(await reasonOf(store.lookup(blocks))).toBe('resolved');
    expect(store.gauge('leases')).toMatchObject({ most: 2, limit: 2 });
  });

  it('leases cannot be renewed for ever, nor after their end', async () => {
    const store = await StoreFixture.ready({ limits: { maxLeaseLifeMs: 30_000 } });
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const start = store.clock.steadyUnixMs();
    store.clock.advance(9_000);
    expect(await store.core.renewLease(leaseId, 50_000)).toEqual({ expiresUnixMs: start + 30_000 });
    store.clock.advance(21_000);
    expect(await reasonOf(store.core.renewLease(leaseId, 1))).toBe('KV_LEASE_EXPIRED');
  });
});

describe('a get', () => {
  it.each([
    ['states the checksum of bytes that are a whole section', 4096, 6],
    ['states no checksum of parts of a section', 10, 0],
  ])('%s', async (_, maxFrameBytes, stated) => {
    const store = await StoreFixture.ready({ limits: { maxFrameBytes } });
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    let known = 0;
    for await (const frame of store.frames(blocks, leaseId)) {
      if (frame.kind !== 'data' || frame.crc32c === undefined) continue;
      expect(frame.crc32c).toBe(crc32cTable(frame.bytes));
      known += 1;
    }
    expect(known).toBe(stated);
  });

  it("sends all heads, all sections of no layer, then all blocks' layer 0 before any layer 1", async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(2);
    await store.putAll(blocks);
    const { order, outcomes, faithful } = await store.read(blocks);
    expect(faithful).toBe(true);
    expect(outcomes).toEqual(['ok', 'ok']);
    expect(order).toEqual([
      ...['head', 'head', 'data 0.0', 'data 0.1', 'data 1.0', 'data 1.1'],
      ...['data 0.2', 'data 0.3', 'data 1.2', 'data 1.3', 'data 0.4', 'data 0.5', 'data 1.4', 'data 1.5'],
      ...['end', 'end', 'done'],
    ]);
  });

  it('sends only the layers asked for', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const { order } = await receive(store.frames(blocks, leaseId, space(), [1, 2]), blocks);
    expect(order).toEqual(['head', 'data 0.0', 'data 0.1', 'data 0.4', 'data 0.5', 'end', 'done']);
    expect(await reasonOf(receive(store.frames(blocks, leaseId, space(), [1, 3]), blocks))).toBe('INVALID_ARGUMENT');
  });

  it('cuts sections into frames of the size agreed on', async () => {
    const store = await StoreFixture.ready({ limits: { maxFrameBytes: 100 } });
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    for await (const frame of store.frames(blocks, leaseId)) {
      if (frame.kind === 'data') expect(frame.bytes.length).toBeLessThanOrEqual(100);
    }
    expect((await store.read(blocks)).faithful).toBe(true);
  });

  it('reads from disk what memory has not, and promotes no more than memory holds', async () => {
    const { store, blocks } = await onDisk(9, { ramBytes: 5 * BLOCK_BYTES });
    for (let i = 0; i < 3; i++) expect(await store.read(blocks)).toMatchObject({ faithful: true });
    expect(store.gauge('tier_bytes', 'ram').most).toBeLessThanOrEqual(5 * BLOCK_BYTES);
  });

  it('brings a block that was read whole back to memory', async () => {
    const { disk, store, blocks } = await onDisk(1, { ramBytes: 8 * BLOCK_BYTES });
    const again = await StoreFixture.ready({ lower: lower(disk), ramBytes: 8 * BLOCK_BYTES });
    expect((await again.lookup(blocks)).spans[0]!.tier).toBe('disk');
    expect((await again.read(blocks)).faithful).toBe(true);
    expect((await again.lookup(blocks)).spans[0]!.tier).toBe('ram');
    expect(again.count('promoted_blocks')).toBe(1);
    disk.reads = 'fails';
    expect((await again.read(blocks)).faithful).toBe(true);
    await store.core.close();
  });

  it('reads ahead no more sections than it may, and stops when the consumer stops', async () => {
    const { disk, store, blocks } = await onDisk(12, { limits: { readAheadSections: 3 } });
    disk.readCalls = 0;
    const { leaseId } = await store.lookup(blocks);
    const frames = store.frames(blocks, leaseId);
    await frames.next();
    await settle();
    expect(disk.readCalls).toBeLessThanOrEqual(3);
    await frames.return(undefined);
    await settle();
    expect(disk.readCalls).toBeLessThanOrEqual(3);
    expect([store.gauge('gets').value, store.gauge('read_ahead_bytes').value]).toEqual([0, 0]);
  });

  it('gives back what it has read ahead, also by reads that end after the caller has left', async () => {
    const { disk, store, blocks } = await onDisk(12);
    const { leaseId } = await store.lookup(blocks);
    const keys = blocks.map(({ key }) => key);
    const request = { namespace: space().namespace, leaseId, keys, layerBegin: 0, layerEnd: 2 };
    const abort = new AbortController();
    const frames = store.core.get(request, { signal: abort.signal })[Symbol.asyncIterator]();
    for (let heads = 0; heads < blocks.length; heads++) await frames.next();
    disk.reads = 'hangs';
    const next = reasonOf(frames.next());
    await settle();
    expect(store.gauge('read_ahead_bytes').value).toBeGreaterThan(0);
    abort.abort();
    expect(await next).toBe('CANCELLED');
    disk.release();
    await settle();
    expect(store.gauge('read_ahead_bytes').value).toBe(0);
  });

  it('ends with KV_LEASE_EXPIRED when its consumer was away for longer than the lease', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(2);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const frames = store.frames(blocks, leaseId);
    await frames.next();
    store.clock.advance(10_000);
    const rest: string[] = [];
    const work = async () => {
      for await (const frame of frames) rest.push(frame.kind === 'end' ? frame.outcome : frame.kind);
    };
    expect(await reasonOf(work())).toBe('KV_LEASE_EXPIRED');
    expect(rest).toEqual(['lease_expired', 'lease_expired']);
  });

  it('extends its lease while the consumer takes frames', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(4);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const outcomes: string[] = [];
    for await (const frame of store.frames(blocks, leaseId)) {
      store.clock.advance(6_000);
      if (frame.kind === 'end') outcomes.push(frame.outcome);
    }
    expect(outcomes).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('without a living lease of the same namespace sends nothing', async () => {
    const store = await StoreFixture.ready({}, [space(), space('tenant-b')]);
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    const next = (frames: AsyncIterator<unknown>) => reasonOf(frames.next());
    expect(await next(store.frames(blocks, leaseId, space('tenant-b')))).toBe('KV_NAMESPACE_MISMATCH');
    await store.core.releaseLease(leaseId);
    expect(await next(store.frames(blocks, leaseId))).toBe('KV_LEASE_EXPIRED');
  });

  it('ends at a block that the lease does not cover, and cancels those after it', async () => {
    const store = await StoreFixture.ready();
    const blocks = chain(3);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks.slice(0, 1));
    const { outcomes } = await receive(store.frames(blocks, leaseId), blocks);
    expect(outcomes).toEqual(['ok', 'not_found', 'cancelled']);
  });

  it('ends with the caller’s signal or deadline, even while a tier hangs', async () => {
    const { disk, store, blocks } = await onDisk(4);
    disk.reads = 'hangs';
    const { leaseId } = await store.lookup(blocks);
    const request = {
      ...{ namespace: space().namespace, leaseId, keys: blocks.map(({ key }) => key), layerBegin: 0, layerEnd: 2 },
    };
    const abort = new AbortController();
    const cancelled = reasonOf(store.core.get(request, { signal: abort.signal })[Symbol.asyncIterator]().next());
    await settle();
    abort.abort();
    expect(await cancelled).toBe('CANCELLED');
    const late = store.core.get(request, { deadlineUnixMs: store.clock.steadyUnixMs() + 500 })[Symbol.asyncIterator]();
    const result = reasonOf(late.next());
    await settle();
    store.clock.advance(500);
    expect(await result).toBe('DEADLINE_EXCEEDED');
    disk.release();
  });
});

describe('damage', () => {
  const damage = (disk: FakeTier, at: (object: Uint8Array) => number) => {
    for (const object of disk.objectsByKey.values()) object[at(object)]! ^= 1;
  };

  it('on disk is found, the copy is deleted, and the block and those after it are not served', async () => {
    const { disk, store, blocks } = await onDisk(4);
    const first = disk.objectsByKey.get(Buffer.from(blocks[0]!.key).toString('hex'))!;
    first[sectionAt(first, 5)]! ^= 1;
    const { outcomes, faithful } = await store.read(blocks);
    expect({ outcomes, faithful }).toEqual({
      outcomes: ['corrupt', 'cancelled', 'cancelled', 'cancelled'],
      faithful: true,
    });
    await settle();
    expect(disk.objects).toBe(3);
    expect(store.count('corrupt_blocks', 'disk')).toBe(1);
    expect((await store.core.stat(null)).corruptBlocks).toBe(1);
    expect(await store.matched(blocks)).toBe(0);
    await store.put(blocks[0]!);
    expect(await store.matched(blocks)).toBe(4);
  });

  it('of the signature, which has no checksum in the block, is found too', async () => {
    const { disk, store, blocks } = await onDisk(4);
    damage(disk, () => 256 + 64 * 6 + 5);
    expect((await store.read(blocks)).outcomes[0]).toBe('corrupt');
  });

  it('in memory is healed from the disk', async () => {
    const disk = new FakeTier();
    const objects: Uint8Array[] = [];
    const store = await StoreFixture.ready({ lower: lower(disk) });
    const blocks = chain(1);
    await store.putAll(blocks);
    await settle();
    // The view that a get hands out is the memory itself: a consumer that writes to it does what a failing DIMM does.
    const { leaseId } = await store.lookup(blocks);
    for await (const frame of store.frames(blocks, leaseId)) if (frame.kind === 'data') objects.push(frame.bytes);
    objects[3]![0]! ^= 1;
    expect(await store.read(blocks)).toMatchObject({ outcomes: ['ok'], faithful: true });
    expect(store.count('corrupt_blocks', 'ram')).toBe(1);
    expect((await store.read(blocks)).faithful).toBe(true);
  });

  it('in memory alone is a miss afterwards, and never goes to disk', async () => {
    const disk = new FakeTier();
    const mode = { kind: 'write_through_selective', afterHits: 3 } as const;
    const store = await StoreFixture.ready({ lower: lower(disk, mode) });
    const blocks = chain(1);
    await store.putAll(blocks);
    const { leaseId } = await store.lookup(blocks);
    for await (const frame of store.frames(blocks, leaseId)) {
      if (frame.kind === 'data' && frame.section === 4) frame.bytes[0]! ^= 1;
    }
    await store.lookup(blocks);
    await store.lookup(blocks);
    await settle();
    expect([disk.objects, store.count('corrupt_blocks', 'ram')]).toEqual([0, 1]);
    expect(await store.matched(blocks)).toBe(0);
  });
});
