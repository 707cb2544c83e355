import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog } from '@longhaul/platform-otel';
import { openLocalStore, storeSettings } from '../src/index.js';
import { chain, reasonOf, receive, space } from './core/store-fixture.js';
import { serve } from './support/served-store.js';

const YEAR_MS = 365 * 86_400_000;
const { namespace } = space();
const [first, second, third] = chain(3);

afterEach(() => void jest.restoreAllMocks());

/** Somebody sets the clock of the machine. */
function step(ms: number): void {
  const { now } = Date;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + ms);
}

describe.each([
  ['a year ahead', YEAR_MS],
  ['a year back', -YEAR_MS],
])('a clock that is set %s', (_how, ms) => {
  it.each([
    ['inside the process', 'direct'],
    ['over gRPC', 'grpc'],
    ['over data channels', 'auto'],
  ] as const)('ends no lease, writer, pin or expiry before its time, and no call: %s', async (_where, transport) => {
    const config = loadConfig(storeSettings, { argv: [], env: {} });
    const local = await openLocalStore(config, { log: new EventLog('test', 'silent'), owner: 'test' });
    const service = transport === 'direct' ? null : await serve(local.store, { dataChannels: transport === 'auto' });
    const store = service?.client() ?? local.store;
    const put = async (sample: typeof first, ttlSeconds: number) => {
      const { key, parentKey, object } = sample!;
      const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 1, ttlSeconds };
      return { session: await store.beginPut(request), object };
    };
    await store.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' });
    for (const [sample, ttlSeconds] of [
      [first, 3600],
      [second, 0],
    ] as const) {
      const { session, object } = await put(sample, ttlSeconds);
      await session.write(0, object);
      await session.commit();
    }
    const keys = [first!.key, second!.key];
    await store.pin({ namespace, keys: [second!.key], ttlSeconds: 3600, hard: true });
    const { leaseId } = await store.lookupPrefix({ namespace, keys, minQuality: 1, leaseMs: 30_000 });
    const writing = await put(third, 0);

    step(ms);

    const received = await receive(store.get({ namespace, leaseId, keys, layerBegin: 0, layerEnd: 2 }), [
      first!,
      second!,
    ]);
    expect(received).toMatchObject({ faithful: true, outcomes: ['ok', 'ok'] });
    expect(await reasonOf(store.renewLease(leaseId, 30_000))).toBe('resolved');
    await writing.session.write(0, writing.object);
    expect(await writing.session.commit()).toMatchObject({ alreadyPresent: false });
    await store.releaseLease(leaseId);
    // Its time is not over, and the pin holds.
    expect((await store.lookupPrefix({ namespace, keys, minQuality: 1, leaseMs: 1 })).matchedBlocks).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await store.evict({ namespace, what: { kind: 'keys', keys } })).toMatchObject({ evicted: 1 });
    await service?.close();
    await local.close();
  });
});
