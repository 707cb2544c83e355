import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kvstoreV1 } from '@longhaul/contracts';
import {
  capabilityKeyId,
  CAPABILITY_HEADER,
  type CapabilityRight,
  KV_STORE_DEFINITION,
  mintCapability,
  toNamespace,
} from '@longhaul/kv-wire';
import { generateKeyPairSync } from 'node:crypto';
import { createCapabilityGate } from '../src/adapters/security/capability-gate.js';
import type { StoreCore } from '../src/index.js';
import { openCore } from './block-store-contract.js';
import { space } from './core/store-fixture.js';
import { serve, type ServedStore } from './support/served-store.js';
import { seeded } from './support/objects.js';

type Method = keyof typeof KV_STORE_DEFINITION;
const METHODS = Object.keys(KV_STORE_DEFINITION) as Method[];
const MUTATIONS = 40;

const plane = generateKeyPairSync('ed25519');
const keys = new Map([[capabilityKeyId(plane.publicKey), plane.publicKey]]);
const gate = createCapabilityGate({ keys, now: Date.now });
const mine = space('tenant-a').namespace;
const other = space('tenant-b').namespace;
const namespace = toNamespace(mine);
const KEY = Buffer.alloc(32, 7);

/** A legal first message of every method, and which right it needs; `given`: of no namespace that the caller could name. */
const LEGAL: Readonly<Record<Method, { message: Uint8Array; right: CapabilityRight | null; given?: true }>> = {
  handshake: {
    message: encode(kvstoreV1.HandshakeRequest, {
      namespace,
      formatVersions: [FORMAT_MAJOR],
      codecs: [0],
      workerId: 'w',
    }),
    right: 'read',
  },
  lookupPrefix: {
    message: encode(kvstoreV1.LookupPrefixRequest, { namespace, keys: [KEY], minQuality: 1, leaseMs: 10 }),
    right: 'read',
  },
  renewLease: {
    message: encode(kvstoreV1.RenewLeaseRequest, { leaseId: KEY, leaseMs: 5 }),
    right: 'read',
    given: true,
  },
  releaseLease: { message: encode(kvstoreV1.ReleaseLeaseRequest, { leaseId: KEY }), right: 'read', given: true },
  stat: { message: encode(kvstoreV1.StatRequest, { namespace }), right: 'read' },
  put: {
    message: encode(kvstoreV1.PutRequest, {
      frame: { $case: 'begin', value: { namespace, key: KEY, parentKey: KEY, objectBytes: 4096n } },
    }),
    right: 'write',
  },
  get: {
    message: encode(kvstoreV1.GetRequest, {
      control: {
        $case: 'open',
        value: { namespace, leaseId: KEY, keys: [KEY], layerBegin: 0, layerEnd: 1, credit: 1 },
      },
    }),
    right: 'read',
  },
  openDataChannel: { message: encode(kvstoreV1.OpenDataChannelRequest, {}), right: null },
  pin: { message: encode(kvstoreV1.PinRequest, { namespace, keys: [KEY], ttlSeconds: 1, hard: false }), right: 'pin' },
  unpin: { message: encode(kvstoreV1.UnpinRequest, { namespace, keys: [KEY] }), right: 'pin' },
  evict: {
    message: encode(kvstoreV1.EvictRequest, { namespace, what: { $case: 'keys', value: { keys: [KEY] } } }),
    right: 'evict',
  },
  watch: { message: encode(kvstoreV1.WatchRequest, { namespace, storeEpoch: 0n, fromSequence: 0n }), right: 'read' },
  snapshot: { message: encode(kvstoreV1.SnapshotRequest, { namespace }), right: 'read' },
};

/** Messages of the streams that may not come first. */
const LATER: readonly (readonly [Method, string, Uint8Array])[] = [
  ['put', 'a chunk', encode(kvstoreV1.PutRequest, { frame: { $case: 'chunk', value: { data: KEY } } })],
  ['put', 'a commit', encode(kvstoreV1.PutRequest, { frame: { $case: 'commit', value: {} } })],
  ['put', 'an abort', encode(kvstoreV1.PutRequest, { frame: { $case: 'abort', value: { reason: 'x' } } })],
  ['get', 'credit', encode(kvstoreV1.GetRequest, { control: { $case: 'credit', value: { frames: 1 } } })],
];

const UNREADABLE: readonly (readonly [string, Uint8Array])[] = [
  ['a varint without an end', Buffer.alloc(12, 0xff)],
  ['a field that is longer than the message', Buffer.from([0x0a, 0x7f, 0x01])],
  ['a group that never ends', Buffer.from([0x0b])],
];

function encode<T>(
  type: { fromPartial(given: T): unknown; encode(message: never): { finish(): Uint8Array } },
  given: T,
) {
  return type.encode(type.fromPartial(given) as never).finish();
}

describe('every method of the store', () => {
  let core: StoreCore;
  let service: ServedStore;
  let client: Client;

  beforeAll(async () => {
    core = await openCore();
    await core.handshake({ namespace: mine, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' });
    service = await serve(core, { gate });
    client = new Client(service.address, credentials.createInsecure());
  });
  afterAll(async () => {
    // Whatever was refused here was the caller's fault, and nothing of it belongs in a log of errors.
    expect(service.failures).toEqual([]);
    client.close();
    await service.close();
    await core.close();
  });

  const token = (rights: readonly CapabilityRight[], of = mine, issuedUnixMs = Date.now()) => {
    const lasting = { issuedUnixMs, expiresUnixMs: issuedUnixMs + 60_000 };
    const claims = { tenant: of.tenant, namespaceId: of.id, rights, ...lasting };
    return Buffer.from(mintCapability(claims, plane.privateKey)).toString('base64url');
  };
  const all = () => token(['read', 'write', 'pin', 'evict', 'operate']);

  /** The status of one call with these bytes as its only message; `undefined` of a unary call sends none. */
  function call(method: Method, message: Uint8Array, capability?: string): Promise<string> {
    const { path, requestStream } = KV_STORE_DEFINITION[method];
    const metadata = new Metadata();
    if (capability !== undefined) metadata.set(CAPABILITY_HEADER, capability);
    const deadline = Date.now() + 20_000;
    const raw = (bytes: Buffer) => bytes;
    return new Promise((resolve) => {
      const duplex = requestStream ? client.makeBidiStreamRequest(path, raw, raw, metadata, { deadline }) : null;
      const stream =
        duplex ?? client.makeServerStreamRequest(path, raw, raw, Buffer.from(message), metadata, { deadline });
      stream.on('error', (error: ServiceError) => {
        if (error.code !== status.CANCELLED) resolve(status[error.code]);
      });
      stream.on('status', ({ code }: { code: status }) => resolve(status[code]));
      // A stream without an end of its own is left when it has brought something.
      stream.on('data', () => {
        resolve('OK');
        stream.cancel();
      });
      duplex?.write(Buffer.from(message));
      duplex?.end();
    });
  }

  it('has a legal message here, so that a new one is tried as well', () => {
    expect(Object.keys(LEGAL).sort()).toEqual([...METHODS].sort());
  });

  it.each(METHODS)('refuses a caller without a capability, or with one that has expired: %s', async (method) => {
    const { message } = LEGAL[method];
    expect(await call(method, message)).toBe('UNAUTHENTICATED');
    expect(await call(method, message, 'bm8gdG9rZW4')).toBe('UNAUTHENTICATED');
    expect(await call(method, message, token(['read', 'write', 'operate'], mine, 1))).toBe('UNAUTHENTICATED');
    // Who may not ask is not told what is wrong with the question.
    expect(await call(method, Buffer.alloc(0))).toBe('UNAUTHENTICATED');
  });

  it.each(METHODS.filter((method) => LEGAL[method].right !== null))(
    'refuses a caller without the right: %s',
    async (method) => {
      const { message, right, given } = LEGAL[method];
      const rights = (['read', 'write', 'pin', 'evict'] as const).filter((one) => one !== right);
      expect(await call(method, message, token(rights))).toBe('PERMISSION_DENIED');
      if (!given)
        expect(await call(method, message, token([right ?? 'read', 'operate'], other))).toBe('PERMISSION_DENIED');
    },
  );

  it.each(METHODS.flatMap((method) => UNREADABLE.map(([what, bytes]) => [method, what, bytes] as const)))(
    'refuses as bad input what is no message: %s, %s',
    async (method, _what, bytes) => {
      expect(await call(method, bytes, all())).toBe('INVALID_ARGUMENT');
    },
  );

  it.each(LATER)('refuses as bad input a %s that starts with %s', async (method, _what, bytes) => {
    expect(await call(method, bytes, all())).toBe('INVALID_ARGUMENT');
  });

  it.each(METHODS)('has no internal error for an empty or a changed message: %s', async (method) => {
    const random = seeded(METHODS.indexOf(method));
    const { message } = LEGAL[method];
    const statuses = new Set([await call(method, Buffer.alloc(0), all())]);
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = Buffer.from(message);
      for (let flips = 1 + Math.floor(random() * 4); flips > 0 && bytes.length > 0; flips--) {
        const at = Math.floor(random() * Math.min(bytes.length, random() < 0.5 ? 12 : bytes.length));
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      }
      statuses.add(
        await call(method, bytes.subarray(0, random() < 0.2 ? Math.floor(random() * bytes.length) : undefined), all()),
      );
    }
    expect(['UNKNOWN', 'INTERNAL'].filter((name) => statuses.has(name))).toEqual([]);
  });

  it('shows an operator of one namespace how much is in it, and in no other and not in all', async () => {
    const stat = (of: typeof mine | null) => encode(kvstoreV1.StatRequest, of ? { namespace: toNamespace(of) } : {});
    expect(await call('stat', stat(mine), token(['operate']))).toBe('OK');
    expect(await call('stat', stat(other), token(['operate']))).toBe('PERMISSION_DENIED');
    expect(await call('stat', stat(null), token(['read', 'operate']))).toBe('PERMISSION_DENIED');
    const everywhere = { ...mine, id: new Uint8Array(32) };
    expect(await call('stat', stat(null), token(['operate'], everywhere))).toBe('OK');
  });
});
