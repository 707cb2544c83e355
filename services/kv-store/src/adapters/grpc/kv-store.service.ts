import { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import type { BlockEventBatch, BlockStore, Namespace } from '@longhaul/kv-core';
import {
  callOptions,
  type DataChannelServer,
  serveGet,
  servePut,
  type TransferCall,
  type TransferParts,
} from '@longhaul/kv-transfer';
import {
  asBuffer,
  asCount,
  CAPABILITY_HEADER,
  fromEvict,
  fromHandshakeRequest,
  fromKeys,
  fromLookup,
  fromNamespace,
  fromPin,
  fromWatch,
  KV_STORE_DEFINITION,
  KV_STORE_SERVICE,
  toEventBatch,
  toEvictResponse,
  toHandshakeResponse,
  toMatch,
  toStat,
  type CapabilityRight,
} from '@longhaul/kv-wire';
import {
  duplex,
  serverStream,
  unary,
  type CallContext,
  type GrpcHost,
  type StreamOptions,
} from '@longhaul/platform-grpc';
import type { CapabilityGate, Grant } from '../security/capability-gate.js';

export interface KvStoreServiceParts extends TransferParts {
  readonly store: BlockStore;
  readonly gate: CapabilityGate;
  /** Null where bytes travel as gRPC frames only. */
  readonly channels: DataChannelServer | null;
  readonly stallTimeoutMs: number;
  /** Told of failures that are defects; callers only hear of an internal error. */
  onFailure(method: string, cause: unknown): void;
}

/** The store's API over gRPC. Every call shows its capability before anything is read from its message. */
export function addKvStoreService(host: GrpcHost, parts: KvStoreServiceParts): void {
  host.addService(KV_STORE_SERVICE, KV_STORE_DEFINITION, {
    ...prefixMethods(parts),
    ...transferMethods(parts),
    ...pinMethods(parts),
    ...eventMethods(parts),
  } satisfies kvstoreV1.KvStoreServiceServer);
}

function prefixMethods(parts: KvStoreServiceParts) {
  const { store } = parts;
  return {
    handshake: guarded(parts, 'Handshake', async (message: kvstoreV1.HandshakeRequest, call, grant) => {
      const request = fromHandshakeRequest(message);
      grant.require('read', request.namespace);
      return toHandshakeResponse(await store.handshake(request, callOptions(call)));
    }),
    lookupPrefix: guarded(parts, 'LookupPrefix', async (message: kvstoreV1.LookupPrefixRequest, call, grant) => {
      const lookup = fromLookup(message);
      grant.require('read', lookup.namespace);
      return toMatch(await store.lookupPrefix(lookup, callOptions(call)));
    }),
    // A lease id is unguessable: who has one was given it.
    renewLease: guarded(parts, 'RenewLease', async (message: kvstoreV1.RenewLeaseRequest, call, grant) => {
      grant.require('read', 'given');
      const { expiresUnixMs } = await store.renewLease(message.leaseId, message.leaseMs, callOptions(call));
      return { expiresUnixMs: asCount(expiresUnixMs) };
    }),
    releaseLease: guarded(parts, 'ReleaseLease', async (message: kvstoreV1.ReleaseLeaseRequest, call, grant) => {
      grant.require('read', 'given');
      await store.releaseLease(message.leaseId, callOptions(call));
      return {};
    }),
    stat: guarded(parts, 'Stat', async (message: kvstoreV1.StatRequest, call, grant) => {
      const namespace = message.namespace ? fromNamespace(message.namespace) : null;
      requireStat(grant, namespace);
      return toStat(await store.stat(namespace, callOptions(call)));
    }),
  };
}

function transferMethods(parts: KvStoreServiceParts) {
  const options = { stallTimeoutMs: parts.stallTimeoutMs };
  const transfer = (call: CallContext, right: CapabilityRight): TransferCall => {
    const grant = grantOf(parts, call);
    return { ...call, authorize: (namespace) => grant.require(right, namespace) };
  };
  return {
    put: duplex<kvstoreV1.PutRequest, kvstoreV1.PutResponse>(
      (link, call) => reported(parts, 'Put', async () => servePut(parts, link, transfer(call, 'write'))),
      options,
    ),
    get: duplex<kvstoreV1.GetRequest, kvstoreV1.GetResponse>(
      (link, call) => reported(parts, 'Get', async () => serveGet(parts, link, transfer(call, 'read'))),
      options,
    ),
    openDataChannel: guarded(
      parts,
      'OpenDataChannel',
      async (_message: kvstoreV1.OpenDataChannelRequest, _call, grant) => {
        if (!parts.channels) throw noChannels();
        const { port, token, expiresUnixMs, tls } = parts.channels.admit(grant);
        return { port, token: asBuffer(token), expiresUnixMs: asCount(expiresUnixMs), tls };
      },
    ),
  };
}

function pinMethods(parts: KvStoreServiceParts) {
  const { store } = parts;
  return {
    pin: guarded(parts, 'Pin', async (message: kvstoreV1.PinRequest, call, grant) => {
      const request = fromPin(message);
      grant.require('pin', request.namespace);
      await store.pin(request, callOptions(call));
      return {};
    }),
    unpin: guarded(parts, 'Unpin', async (message: kvstoreV1.UnpinRequest, call, grant) => {
      const namespace = fromNamespace(message.namespace);
      grant.require('pin', namespace);
      await store.unpin(namespace, fromKeys(message.keys), callOptions(call));
      return {};
    }),
    evict: guarded(parts, 'Evict', async (message: kvstoreV1.EvictRequest, call, grant) => {
      const request = fromEvict(message);
      grant.require('evict', request.namespace);
      return toEvictResponse(await store.evict(request, callOptions(call)));
    }),
  };
}

function eventMethods(parts: KvStoreServiceParts) {
  const { store, stallTimeoutMs } = parts;
  return {
    watch: streamed(parts, 'Watch', {
      ...{ stallTimeoutMs, endless: true },
      handle: (message: kvstoreV1.WatchRequest, call, grant) => {
        const request = fromWatch(message);
        grant.require('read', request.namespace);
        return batches(store.watch(request, callOptions(call)));
      },
    }),
    snapshot: streamed(parts, 'Snapshot', {
      stallTimeoutMs,
      handle: (message: kvstoreV1.SnapshotRequest, call, grant) => {
        const namespace = fromNamespace(message.namespace);
        grant.require('read', namespace);
        return batches(store.snapshot(namespace, callOptions(call)));
      },
    }),
  };
}

async function* batches(source: AsyncIterable<BlockEventBatch>): AsyncGenerator<kvstoreV1.EventBatch, void> {
  for await (const batch of source) yield toEventBatch(batch);
}

/** The capability is looked at before the message is. */
function guarded<Req, Res>(
  parts: KvStoreServiceParts,
  method: string,
  handle: (message: Req, call: CallContext, grant: Grant) => Promise<Res>,
) {
  return unary((message: Req, call) =>
    reported(parts, method, async () => handle(message, call, grantOf(parts, call))),
  );
}

function streamed<Req, Res>(
  parts: KvStoreServiceParts,
  method: string,
  {
    handle,
    ...options
  }: StreamOptions & {
    handle: (message: Req, call: CallContext, grant: Grant) => AsyncIterable<Res>;
  },
) {
  return serverStream(async function* (message: Req, call: CallContext) {
    try {
      yield* handle(message, call, grantOf(parts, call));
    } catch (error) {
      throw told(parts, method, error);
    }
  }, options);
}

function grantOf(parts: KvStoreServiceParts, call: CallContext): Grant {
  return parts.gate.open(call.headers[CAPABILITY_HEADER]);
}

async function reported<T>(parts: KvStoreServiceParts, method: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw told(parts, method, error);
  }
}

function told(parts: KvStoreServiceParts, method: string, error: unknown): AppError {
  const known = AppError.from(error);
  if (known.code === 'INTERNAL') parts.onFailure(method, known.cause ?? known);
  return known;
}

/** Who reads a namespace may see how much is in it, and so may its operator. */
function requireStat(grant: Grant, namespace: Namespace | null): void {
  try {
    grant.require('operate', namespace ?? 'whole_store');
  } catch (error) {
    if (namespace === null) throw error;
    grant.require('read', namespace);
  }
}

function noChannels(): AppError {
  return new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'KV_UNSUPPORTED',
    message: 'This store has no data channels; use Put and Get.',
  });
}
