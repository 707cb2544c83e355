import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crc32cTable, QualityClass, type BlockStore, FORMAT_MAJOR } from '@longhaul/kv-core';
import { connectKvStore } from '@longhaul/kv-client';
import { capabilityKeyId, mintCapability, type CapabilityClaims } from '@longhaul/kv-wire';
import { createTestAuthority, type TestIdentity } from '@longhaul/testing';
import { generateKeyPairSync } from 'node:crypto';
import { createCapabilityGate } from '../src/adapters/security/capability-gate.js';
import type { StoreCore } from '../src/index.js';
import { openCore } from './block-store-contract.js';
import { chain, reasonOf, receive, space, type Sample } from './core/store-fixture.js';
import { serve, type ServedOptions, type ServedStore } from './support/served-store.js';

const plane = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const gate = createCapabilityGate({
  keys: new Map([[capabilityKeyId(plane.publicKey), plane.publicKey]]),
  now: Date.now,
});
const a = space('tenant-a');
const b = space('tenant-b');

function claims(more: Partial<CapabilityClaims> = {}): CapabilityClaims {
  const now = Date.now();
  const { id: namespaceId, tenant } = a.namespace;
  return { tenant, namespaceId, rights: ['read', 'write'], issuedUnixMs: now, expiresUnixMs: now + 60_000, ...more };
}

function lookup(store: BlockStore, samples: readonly Sample[], of = a) {
  const keys = samples.map(({ key }) => key);
  return store.lookupPrefix({ namespace: of.namespace, keys, minQuality: QualityClass.sparse, leaseMs: 5_000 });
}

async function put(store: BlockStore, { key, parentKey, object }: Sample, of = a) {
  const { namespace } = of;
  const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 1, ttlSeconds: 0 };
  const session = await store.beginPut(request);
  await session.write(0, object);
  return session.commit();
}

describe.each([
  ['gRPC frames', false],
  ['data channels', true],
] as const)('capabilities over %s', (_name, dataChannels) => {
  let core: StoreCore;
  let service: ServedStore;
  const [sample] = chain(1) as [Sample];

  beforeAll(async () => {
    core = await openCore();
    service = await serve(core, { gate, dataChannels });
    for (const { namespace } of [a, b]) {
      await core.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' });
    }
    await put(core, sample);
  });
  afterAll(async () => {
    await service.close();
    await core.close();
  });

  const holding = (token: Uint8Array) => service.client({ capability: () => token });
  const minted = (more: Partial<CapabilityClaims> = {}) => holding(mintCapability(claims(more), plane.privateKey));
  const refusals = async (store: BlockStore, of = a) => [
    await reasonOf(lookup(store, [sample], of)),
    await reasonOf(put(store, sample, of)),
    await reasonOf(receive(store.get({ ...wanted, namespace: of.namespace }), [sample])),
    await reasonOf(store.stat(of.namespace)),
  ];
  const wanted = { leaseId: new Uint8Array(16), keys: [sample.key], layerBegin: 0, layerEnd: 2 };

  it('lets a holder do what its token says, and nothing else', async () => {
    const client = minted();
    expect((await lookup(client, [sample])).matchedBlocks).toBe(1);
    expect((await put(client, sample)).alreadyPresent).toBe(true);
    const what = { kind: 'namespace' } as const;
    expect(await reasonOf(client.evict({ namespace: a.namespace, what }))).toBe('KV_CAPABILITY_RIGHT');
    const pin = { namespace: a.namespace, keys: [sample.key], ttlSeconds: 1, hard: false };
    expect(await reasonOf(client.pin(pin))).toBe('KV_CAPABILITY_RIGHT');
    expect(await reasonOf(client.stat(null))).toBe('KV_CAPABILITY_RIGHT');
    const reader = minted({ rights: ['read'] });
    expect(await reasonOf(put(reader, sample))).toBe('KV_CAPABILITY_RIGHT');
  });

  it('refuses callers without a token', async () => {
    expect(new Set(await refusals(service.client()))).toEqual(new Set(['KV_CAPABILITY_INVALID']));
  });

  it('refuses expired tokens', async () => {
    const past = { issuedUnixMs: 1, expiresUnixMs: Date.now() - 1 };
    expect(new Set(await refusals(minted(past)))).toEqual(new Set(['KV_CAPABILITY_EXPIRED']));
  });

  it('refuses tokens that another key signed', async () => {
    const forged = holding(mintCapability(claims(), stranger.privateKey));
    expect(new Set(await refusals(forged))).toEqual(new Set(['KV_CAPABILITY_INVALID']));
  });

  it('refuses tokens with any bit changed', async () => {
    const token = mintCapability(claims(), plane.privateKey);
    for (const bit of [0, 33, 100, 192, 400, 600, 1023, 1024, 1400, 1535]) {
      const changed = Buffer.from(token);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await reasonOf(lookup(holding(changed), [sample]))).toBe('KV_CAPABILITY_INVALID');
    }
  });

  it("refuses tenant B with tenant A's token, and tenant A's name on tenant B's space", async () => {
    expect(new Set(await refusals(minted(), b))).toEqual(new Set(['KV_CAPABILITY_RIGHT']));
    const renamed = { namespace: { ...b.namespace, tenant: 'tenant-a' }, namespaceKey: b.namespaceKey };
    expect(await reasonOf(lookup(minted(), [sample], renamed))).toBe('KV_CAPABILITY_RIGHT');
  });

  it('finds nothing of tenant A for tenant B, whose token is good', async () => {
    const client = minted({ tenant: 'tenant-b', namespaceId: b.namespace.id });
    expect((await lookup(client, [sample], b)).matchedBlocks).toBe(0);
  });

  it('asks for the token anew at every call, so that a renewed one counts', async () => {
    let token = mintCapability(claims({ issuedUnixMs: 1, expiresUnixMs: 2 }), plane.privateKey);
    const client = service.client({ capability: () => token });
    expect(await reasonOf(put(client, sample))).toBe('KV_CAPABILITY_EXPIRED');
    token = mintCapability(claims(), plane.privateKey);
    expect((await put(client, sample)).alreadyPresent).toBe(true);
  });

  it('refuses a channel whose token expires while it is open', async () => {
    const expiresUnixMs = Date.now() + 2_000;
    const client = minted({ expiresUnixMs });
    expect((await put(client, sample)).alreadyPresent).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, expiresUnixMs - Date.now() + 20));
    expect(await reasonOf(put(client, sample))).toBe('KV_CAPABILITY_EXPIRED');
  });
});

describe.each([
  ['gRPC frames', false],
  ['data channels', true],
] as const)('mutual TLS over %s', (_name, dataChannels) => {
  const authority = createTestAuthority();
  const [sample] = chain(1) as [Sample];
  let core: StoreCore;
  let service: ServedStore;

  beforeAll(async () => {
    core = await openCore();
    const options: ServedOptions = { tls: authority.issue('store'), dataChannels };
    service = await serve(core, options);
  });
  afterAll(async () => {
    await service.close();
    await core.close();
  });

  const asParty = (tls?: TestIdentity) =>
    connectKvStore({
      address: service.address,
      checksum: crc32cTable,
      deadlines: { controlMs: 3_000 },
      ...(tls ? { tls } : {}),
    });

  it('serves a party with a certificate of its authority, bytes included', async () => {
    const client = asParty(authority.issue('worker'));
    await client.handshake({ namespace: a.namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' });
    await put(client, sample);
    const { leaseId } = await lookup(client, [sample]);
    const request = { namespace: a.namespace, leaseId, keys: [sample.key], layerBegin: 0, layerEnd: 2 };
    const received = await receive(client.get(request), [sample]);
    expect(received).toMatchObject({ faithful: true, outcomes: ['ok'] });
    expect(service.channels?.open ?? 0).toBe(dataChannels ? 1 : 0);
    client.close();
  });

  it.each<[string, () => TestIdentity | undefined]>([
    ['no certificate', () => undefined],
    ['a certificate of another authority', () => ({ ...createTestAuthority().issue('worker'), ca: authority.ca })],
    ['an expired certificate', () => authority.issue('worker', { expires: new Date(Date.now() - 1_000) })],
    ['another idea of who the store is', () => ({ ...authority.issue('worker'), ca: createTestAuthority().ca })],
  ])('turns away a party with %s', async (_what, identity) => {
    const client = asParty(identity());
    expect(await reasonOf(lookup(client, [sample]))).toBe('KV_STORE_UNAVAILABLE');
    client.close();
  });
});
