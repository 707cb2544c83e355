import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { steadyUnixMs, systemClock } from '@longhaul/kernel';
import { crc32cTable, QualityClass, type BlockStore, type PutOutcome, FORMAT_MAJOR } from '@longhaul/kv-core';
import { randomBytes } from 'node:crypto';
import { createStoreCore, type StoreCore } from '../src/index.js';
import { BLOCK_BYTES, chain, reasonOf, receive, space, type Sample, type Space } from './core/store-fixture.js';

/** A store as its user sees it, and what the test must close. */
export interface OpenedStore {
  readonly store: BlockStore;
  close(): Promise<void>;
}

/** A core with real time, room for a hundred blocks. */
export async function openCore(): Promise<StoreCore> {
  const core = createStoreCore({
    owner: 'store-1',
    ramBytes: 100 * BLOCK_BYTES,
    clock: systemClock,
    checksum: crc32cTable,
    random: randomBytes,
    limits: { maxBlocks: 4096, ringEvents: 1024 },
  });
  await core.start();
  return core;
}

/** What every BlockStore keeps, whether the core itself or the core behind a network. */
export function describeBlockStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`BlockStore: ${name}`, () => {
    let opened: OpenedStore;
    let store: BlockStore;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
      await greet(store, space());
    });
    afterEach(() => opened.close());

    it('agrees on a version and tells its epoch', async () => {
      const reply = await greet(store, space());
      expect(reply.formatVersion).toBe(FORMAT_MAJOR);
      expect(reply.storeEpoch).toBeGreaterThan(0n);
      expect(await reasonOf(store.handshake({ ...greeting(space()), formatVersions: [99] }))).toBe('KV_UNSUPPORTED');
    });

    it('gives back every byte of a chain that was put, in the order of layers', async () => {
      const samples = chain(5);
      for (const sample of samples) expect((await put(store, sample)).alreadyPresent).toBe(false);
      const received = await read(store, samples);
      expect(received.faithful).toBe(true);
      expect(received.outcomes).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
      expect(received.order.at(-1)).toBe('done');
      expect(received.order.filter((kind) => kind === 'head')).toHaveLength(5);
    });

    it('does not show a block before its commit, nor after an abort', async () => {
      const [sample] = chain(1) as [Sample];
      const session = await begin(store, sample);
      await session.write(0, sample.object);
      expect((await lookup(store, [sample])).matchedBlocks).toBe(0);
      await session.abort('changed my mind');
      expect((await lookup(store, [sample])).matchedBlocks).toBe(0);
      await put(store, sample);
      expect((await lookup(store, [sample])).matchedBlocks).toBe(1);
    });

    it('says that a block is there already', async () => {
      const [sample] = chain(1) as [Sample];
      await put(store, sample);
      expect((await begin(store, sample)).alreadyPresent).toBe(true);
    });

    it('refuses a commit with a byte missing, and one with a byte damaged', async () => {
      const [first, second] = chain(2) as [Sample, Sample];
      const torn = await begin(store, first);
      await torn.write(0, first.object.subarray(0, first.object.length - 1));
      expect(await reasonOf(torn.commit())).toBe('KV_INCOMPLETE');
      const damaged = Buffer.from(second.object);
      damaged[damaged.length - 4096] = (damaged[damaged.length - 4096] ?? 0) ^ 1;
      const session = await begin(store, second);
      const outcome = reasonOf(session.write(0, damaged).then(() => session.commit()));
      expect(await outcome).toBe('KV_CORRUPT');
      expect((await lookup(store, [first, second])).matchedBlocks).toBe(0);
    });

    it('takes the bytes of a block in any order', async () => {
      const [sample] = chain(1) as [Sample];
      const session = await begin(store, sample);
      const half = Math.floor(sample.object.length / 2);
      await session.write(half, sample.object.subarray(half));
      await session.write(0, sample.object.subarray(0, half));
      await session.commit();
      expect((await read(store, [sample])).faithful).toBe(true);
    });

    it('refuses a block of another model before it is complete', async () => {
      const [foreign] = chain(1, { space: space('tenant-a', 0, 'another model') }) as [Sample];
      const session = await begin(store, foreign);
      const outcome = await reasonOf(session.write(0, foreign.object).then(() => session.commit()));
      expect(outcome).toBe('KV_NAMESPACE_MISMATCH');
    });

    it('finds nothing of another tenant', async () => {
      const [sample] = chain(1) as [Sample];
      await put(store, sample);
      const other = space('tenant-b');
      await greet(store, other);
      expect((await lookup(store, [sample], other)).matchedBlocks).toBe(0);
    });

    it('keeps leased blocks from eviction until the lease is released', async () => {
      const samples = chain(2);
      for (const sample of samples) await put(store, sample);
      const { leaseId } = await lookup(store, samples);
      const what = { kind: 'namespace' } as const;
      expect(await store.evict({ namespace: space().namespace, what })).toEqual({ evicted: 0, leasedSkipped: 2 });
      expect((await store.renewLease(leaseId, 5_000)).expiresUnixMs).toBeGreaterThan(steadyUnixMs());
      await store.releaseLease(leaseId);
      expect(await store.evict({ namespace: space().namespace, what })).toEqual({ evicted: 2, leasedSkipped: 0 });
    });

    it('refuses a get without a lease', async () => {
      const samples = chain(1);
      await put(store, samples[0] as Sample);
      expect(await reasonOf(receive(frames(store, samples, randomBytes(16)), samples))).toBe('KV_LEASE_EXPIRED');
    });

    it('ends a get that its consumer leaves, and serves the next one', async () => {
      const samples = chain(4);
      for (const sample of samples) await put(store, sample);
      for (let round = 0; round < 3; round++) {
        const { leaseId } = await lookup(store, samples);
        for await (const frame of frames(store, samples, leaseId)) if (frame.kind === 'data') break;
        await store.releaseLease(leaseId);
      }
      expect((await read(store, samples)).faithful).toBe(true);
    });

    it('ends a call whose signal is aborted', async () => {
      const [sample] = chain(1) as [Sample];
      const signal = AbortSignal.abort();
      expect(await reasonOf(store.lookupPrefix(asked([sample]), { signal }))).toBe('CANCELLED');
      const late = { deadlineUnixMs: steadyUnixMs() - 1 };
      expect(await reasonOf(store.lookupPrefix(asked([sample]), late))).toBe('DEADLINE_EXCEEDED');
    });

    it('pins and unpins', async () => {
      const [sample] = chain(1) as [Sample];
      await put(store, sample);
      const { namespace } = space();
      await store.pin({ namespace, keys: [sample.key], ttlSeconds: 60, hard: true });
      await store.unpin(namespace, [sample.key]);
    });

    it('tells what was stored to a watcher, and all that is there in a snapshot', async () => {
      const samples = chain(2);
      const { storeEpoch } = await greet(store, space());
      for (const sample of samples) await put(store, sample);
      const snapshot = [];
      for await (const batch of store.snapshot(space().namespace)) snapshot.push(batch);
      expect(snapshot.at(-1)?.snapshotEnd).toBe(true);
      const over = new AbortController();
      const request = { namespace: space().namespace, storeEpoch, fromSequence: 0n };
      const seen: string[] = [];
      const watching = (async () => {
        for await (const { events } of store.watch(request, { signal: over.signal })) {
          for (const event of events) {
            if (event.kind === 'stored') seen.push(...event.keys.map((key) => Buffer.from(key).toString('hex')));
          }
          if (seen.length >= 2) over.abort();
        }
      })();
      expect(await reasonOf(watching)).toMatch(/resolved|CANCELLED/);
      expect(seen).toEqual(samples.map(({ key }) => Buffer.from(key).toString('hex')));
    });

    it('counts what it holds', async () => {
      await put(store, chain(1)[0] as Sample);
      const stat = await store.stat(null);
      expect(stat.tiers[0]).toMatchObject({ tier: 'ram', objects: 1 });
    });
  });
}

function greeting({ namespace }: Space) {
  return { namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' };
}

function greet(store: BlockStore, of: Space) {
  return store.handshake(greeting(of));
}

function begin(store: BlockStore, sample: Sample) {
  const { key, parentKey, object, recomputeMicros } = sample;
  const { namespace } = space();
  return store.beginPut({ namespace, key, parentKey, objectBytes: object.length, recomputeMicros, ttlSeconds: 0 });
}

async function put(store: BlockStore, sample: Sample): Promise<PutOutcome> {
  const session = await begin(store, sample);
  await session.write(0, sample.object);
  return session.commit();
}

function asked(samples: readonly Sample[], of = space()) {
  const keys = samples.map(({ key }) => key);
  return { namespace: of.namespace, keys, minQuality: QualityClass.sparse, leaseMs: 5_000 };
}

function lookup(store: BlockStore, samples: readonly Sample[], of = space()) {
  return store.lookupPrefix(asked(samples, of));
}

function frames(store: BlockStore, samples: readonly Sample[], leaseId: Uint8Array) {
  const keys = samples.map(({ key }) => key);
  return store.get({ namespace: space().namespace, leaseId, keys, layerBegin: 0, layerEnd: 2 });
}

async function read(store: BlockStore, samples: readonly Sample[]) {
  const { leaseId } = await lookup(store, samples);
  const received = await receive(frames(store, samples, leaseId), samples);
  await store.releaseLease(leaseId);
  return received;
}
