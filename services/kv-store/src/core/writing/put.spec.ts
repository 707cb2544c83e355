import { describe, expect, it } from '@jest/globals';
import { blockKey, QualityClass } from '@longhaul/kv-core';
import { BLOCK_BYTES, chain, lower, reasonOf, settle, space, StoreFixture } from '../../../test/core/store-fixture.js';
import { FakeTier } from '../../../test/core/fake-tier.js';

describe('a put', () => {
  it('makes the block visible with commit, never before', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const session = await store.begin(block!);
    await session.write(0, block!.object);
    expect(await store.matched([block!])).toBe(0);
    expect(await session.commit()).toEqual({ alreadyPresent: false, durableTier: 'ram' });
    expect(await store.matched([block!])).toBe(1);
  });

  it('takes the bytes in any order, each once', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const session = await store.begin(block!);
    for (let at = block!.object.length - 4096; at >= 0; at -= 4096) {
      await session.write(at, block!.object.subarray(at, at + 4096));
    }
    await session.commit();
    expect((await store.read([block!])).faithful).toBe(true);
  });

  it.each([
    ['a gap', 'KV_INCOMPLETE', [[4096, BLOCK_BYTES]]],
    ['nothing', 'KV_INCOMPLETE', []],
    [
      'a byte twice',
      'INVALID_ARGUMENT',
      [
        [0, BLOCK_BYTES],
        [100, 101],
      ],
    ],
    ['bytes beyond the end', 'INVALID_ARGUMENT', [[0, BLOCK_BYTES + 1]]],
  ] as const)('with %s is refused and leaves nothing', async (_, reason, ranges) => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const padded = Buffer.concat([block!.object, Buffer.alloc(1)]);
    const work = async () => {
      const session = await store.begin(block!);
      for (const [begin, end] of ranges) await session.write(begin, padded.subarray(begin, end));
      await session.commit();
    };
    expect(await reasonOf(work())).toBe(reason);
    expect(await store.matched([block!])).toBe(0);
    expect(store.gauge('put_bytes_in_flight').value).toBe(0);
    expect(await reasonOf(store.put(block!))).toBe('resolved');
  });

  it('of damaged bytes is refused, wherever the bit is', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    for (let at = 3; at < block!.object.length; at += 997) {
      const object = Uint8Array.from(block!.object);
      object[at]! ^= 16;
      expect(await reasonOf(store.put({ ...block!, object }))).toBe('KV_CORRUPT');
    }
    expect(await store.matched([block!])).toBe(0);
  });

  it('of another key, parent, tenant, model or rollout than the block says is refused', async () => {
    const store = await StoreFixture.ready({}, [space(), space('tenant-b')]);
    const [block] = chain(1);
    const other = blockKey(block!.key, Uint32Array.of(1));
    expect(await reasonOf(store.put({ ...block!, key: other }))).toBe('KV_CORRUPT');
    expect(await reasonOf(store.put({ ...block!, parentKey: other }))).toBe('KV_CORRUPT');
    expect(await reasonOf(store.put(block!, space('tenant-b')))).toBe('KV_NAMESPACE_MISMATCH');
    const [foreign] = chain(1, { space: space('tenant-a', 0, 'other model') });
    expect(await reasonOf(store.put(foreign!))).toBe('KV_NAMESPACE_MISMATCH');
    const [newer] = chain(1, { space: space('tenant-a', 1) });
    expect(await reasonOf(store.put(newer!))).toBe('KV_NAMESPACE_MISMATCH');
  });

  it("of another model's block is refused with its head, before its payload", async () => {
    const store = await StoreFixture.ready();
    const [foreign] = chain(1, { space: space('tenant-a', 0, 'other model') });
    const session = await store.begin(foreign!);
    expect(await reasonOf(session.write(0, foreign!.object.subarray(0, 4096)))).toBe('KV_NAMESPACE_MISMATCH');
  });

  it('of a block that is there needs no bytes', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    await store.put(block!);
    const session = await store.begin(block!);
    expect(session.alreadyPresent).toBe(true);
    expect(await session.commit()).toEqual({ alreadyPresent: true, durableTier: 'ram' });
  });

  it('waits for no other writer: the second is told that the key is busy', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const first = await store.begin(block!);
    expect(await reasonOf(store.begin(block!))).toBe('KV_BUSY');
    await first.abort('gone');
    expect(await reasonOf(store.begin(block!))).toBe('resolved');
  });

  it('may be taken over from a writer that was silent for 30 s; the silent one can do nothing more', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const first = await store.begin(block!);
    await first.write(0, block!.object.subarray(0, 4096));
    store.clock.advance(29_999);
    expect(await reasonOf(store.begin(block!))).toBe('KV_BUSY');
    store.clock.advance(1);
    await store.put(block!);
    expect(await reasonOf(first.write(4096, block!.object.subarray(4096)))).toBe('KV_LEASE_EXPIRED');
    expect(await reasonOf(first.commit())).toBe('KV_LEASE_EXPIRED');
    expect(store.count('writers_preempted')).toBe(1);
    expect((await store.read([block!])).outcomes).toEqual(['ok']);
  });

  it('gives its space back after ten minutes whatever its writer does', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    const session = await store.begin(block!);
    for (let i = 0; i < 60; i++) {
      await session.write(i, block!.object.subarray(i, i + 1)).catch(() => undefined);
      store.clock.advance(10_500);
    }
    expect(store.gauge('put_bytes_in_flight').value).toBe(0);
    expect(await reasonOf(session.commit())).toBe('KV_LEASE_EXPIRED');
  });

  it('is refused when too many bytes or writers are under way', async () => {
    const limits = { maxPutBytesInFlight: 2 * BLOCK_BYTES, maxPutSessions: 3 };
    const store = await StoreFixture.ready({ limits });
    const blocks = chain(5);
    await store.begin(blocks[0]!);
    await store.begin(blocks[1]!);
    expect(await reasonOf(store.begin(blocks[2]!))).toBe('KV_BUSY');
    expect(store.gauge('put_bytes_in_flight')).toMatchObject({ most: 2 * BLOCK_BYTES, limit: 2 * BLOCK_BYTES });
  });

  it.each([
    ['key', { key: new Uint8Array(31) }],
    ['parent_key', { parentKey: new Uint8Array(33) }],
    ['object_bytes', { object: new Uint8Array(4095) }],
    ['recompute_us', { recomputeMicros: -1 }],
  ])('with a bad %s is refused by name', async (field, bad) => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    await expect(store.begin({ ...block!, ...bad })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT', field });
  });

  it('of a block past its time replaces it', async () => {
    const store = await StoreFixture.ready();
    const [block] = chain(1);
    await store.put(block!, space(), { ttlSeconds: 60 });
    store.clock.advance(59_000);
    expect(await store.matched([block!])).toBe(1);
    store.clock.advance(2_000);
    expect(await store.matched([block!])).toBe(0);
    expect((await store.put(block!)).alreadyPresent).toBe(false);
    expect(await store.matched([block!])).toBe(1);
  });

  it('that waits for the disk says so only when the disk has it', async () => {
    const disk = new FakeTier();
    const store = await StoreFixture.ready({ lower: lower(disk), waitForDurable: true });
    const [first, second] = chain(2);
    expect(await store.put(first!)).toEqual({ alreadyPresent: false, durableTier: 'disk' });
    disk.writes = 'fails';
    expect(await store.put(second!)).toEqual({ alreadyPresent: false, durableTier: 'ram' });
    expect(await store.matched([first!, second!])).toBe(2);
  });

  it('goes to disk only after some hits where the mode says so', async () => {
    const disk = new FakeTier();
    const mode = { kind: 'write_through_selective', afterHits: 2 } as const;
    const store = await StoreFixture.ready({ lower: lower(disk, mode) });
    const [block] = chain(1, { quality: QualityClass.near });
    await store.put(block!);
    await store.matched([block!]);
    await settle();
    expect(disk.objects).toBe(0);
    await store.matched([block!]);
    await settle();
    expect(disk.objects).toBe(1);
  });
});
