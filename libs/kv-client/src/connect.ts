import type { kvstoreV1 } from '@longhaul/contracts';
import { steadyUnixMs, type AppError } from '@longhaul/kernel';
import type {
  BlockEventBatch,
  BlockStore,
  CallOptions,
  GetFrame,
  GetRequest,
  PutRequest,
  PutSession,
} from '@longhaul/kv-core';
import {
  asClientError,
  type BulkTransport,
  type CallScope,
  getBlocks,
  openPutSession,
  openScope,
} from '@longhaul/kv-transfer';
import {
  asBuffer,
  asNumber,
  fromEventBatch,
  fromEvictResponse,
  fromHandshakeResponse,
  fromMatch,
  fromStat,
  toEvict,
  toHandshakeRequest,
  toKeys,
  toLookup,
  toNamespace,
  toPin,
  toWatch,
} from '@longhaul/kv-wire';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { Breaker, type BreakerState } from './breaker.js';
import { createChannelTransport } from './channel-transport.js';
import { createGrpcTransport } from './grpc-transport.js';
import { completeOptions, type CompleteOptions, type KvClientOptions } from './options.js';
import { createStub, type Stub } from './stub.js';
import { TransferPlaces } from './transfer-places.js';

/** A store behind the network. */
export interface KvStoreClient extends BlockStore {
  /** `open` while the store is known to be away: calls fail at once with `KV_STORE_UNAVAILABLE`. */
  readonly state: BreakerState;
  /** Puts and gets under way. */
  readonly transfers: number;
  /** Ends what is under way and frees the connections. */
  close(): void;
}

/**
 * A client of the kv-store service. Connects when it is first used and again whenever it must; no call outlives its
 * deadline. Never waits for a store that is known to be away.
 */
export function connectKvStore(given: KvClientOptions): KvStoreClient {
  const options = completeOptions(given);
  const stub = createStub(options);
  const breaker = new Breaker(options.breaker, () => stub.probe());
  const transport = options.transport === 'grpc' ? createGrpcTransport(stub) : createChannelTransport(stub, options);
  const places = new TransferPlaces(options.limits.maxTransfers, options.limits.maxWaiting);
  const parts: ClientParts = { options, stub, breaker, transport, places };
  return {
    get state() {
      return breaker.state;
    },
    get transfers() {
      return places.inUse;
    },
    close() {
      breaker.dispose();
      transport.close();
      stub.client.close();
    },
    ...controlCalls(parts),
    ...eventStreams(parts),
    ...transfers(parts),
  };
}

interface ClientParts {
  readonly options: CompleteOptions;
  readonly stub: Stub;
  readonly breaker: Breaker;
  readonly transport: BulkTransport;
  readonly places: TransferPlaces;
}

type ControlCalls = Omit<BlockStore, 'beginPut' | 'get' | 'watch' | 'snapshot'>;

function controlCalls(parts: ClientParts): ControlCalls {
  const { client } = parts.stub;
  return {
    async handshake(request, call) {
      const message = toHandshakeRequest(request);
      return fromHandshakeResponse(
        await control<kvstoreV1.HandshakeResponse>(parts, call, (m, o, done) => client.handshake(message, m, o, done)),
      );
    },
    async lookupPrefix(lookup, call) {
      const message = toLookup(lookup);
      return fromMatch(
        await control<kvstoreV1.LookupPrefixResponse>(parts, call, (m, o, done) =>
          client.lookupPrefix(message, m, o, done),
        ),
      );
    },
    async renewLease(leaseId, leaseMs, call) {
      const message = { leaseId: asBuffer(leaseId), leaseMs };
      const { expiresUnixMs } = await control<kvstoreV1.RenewLeaseResponse>(parts, call, (m, o, done) =>
        client.renewLease(message, m, o, done),
      );
      return { expiresUnixMs: asNumber('expires_unix_ms', expiresUnixMs) };
    },
    async releaseLease(leaseId, call) {
      const message = { leaseId: asBuffer(leaseId) };
      await control<kvstoreV1.ReleaseLeaseResponse>(parts, call, (m, o, done) =>
        client.releaseLease(message, m, o, done),
      );
    },
    async pin(request, call) {
      const message = toPin(request);
      await control<kvstoreV1.PinResponse>(parts, call, (m, o, done) => client.pin(message, m, o, done));
    },
    async unpin(namespace, keys, call) {
      const message = { namespace: toNamespace(namespace), keys: toKeys(keys) };
      await control<kvstoreV1.UnpinResponse>(parts, call, (m, o, done) => client.unpin(message, m, o, done));
    },
    async evict(request, call) {
      const message = toEvict(request);
      return fromEvictResponse(
        await control<kvstoreV1.EvictResponse>(parts, call, (m, o, done) => client.evict(message, m, o, done)),
      );
    },
    async stat(namespace, call) {
      const message = { namespace: namespace ? toNamespace(namespace) : undefined };
      return fromStat(
        await control<kvstoreV1.StatResponse>(parts, call, (m, o, done) => client.stat(message, m, o, done)),
      );
    },
  };
}

function control<Res>(
  parts: ClientParts,
  call: CallOptions | undefined,
  open: Parameters<typeof callUnary<Res>>[0],
): Promise<Res> {
  return watched(parts, call, parts.options.deadlines.controlMs, (scope) =>
    callUnary<Res>(open, parts.stub.callOptions(scope)),
  );
}

/** One call within its deadline, seen by the breaker. */
async function watched<T>(
  { breaker }: ClientParts,
  call: CallOptions | undefined,
  defaultMs: number,
  work: (scope: CallScope) => Promise<T>,
): Promise<T> {
  breaker.pass();
  const scope = openScope(call, defaultMs);
  try {
    const result = await work(scope);
    breaker.succeeded();
    return result;
  } catch (error) {
    throw noted(breaker, scope.signal, error);
  } finally {
    scope.close();
  }
}

/** What the caller hears, and what the breaker makes of it. */
function noted(breaker: Breaker, signal: AbortSignal, error: unknown): AppError {
  const known = asClientError(signal.aborted ? signal.reason : error);
  breaker.failed(known);
  return known;
}

function eventStreams({ stub, breaker, options }: ClientParts): Pick<BlockStore, 'watch' | 'snapshot'> {
  const stream = async function* (
    call: CallOptions | undefined,
    open: Parameters<typeof callServerStream<kvstoreV1.EventBatch>>[0],
    defaultMs: number | null,
  ): AsyncGenerator<BlockEventBatch, void> {
    breaker.pass();
    const given = call?.deadlineUnixMs;
    const timeoutMs = given === undefined ? defaultMs : given - steadyUnixMs();
    const headers = stub.headers();
    try {
      const batches = callServerStream(open, { signal: call?.signal, timeoutMs, headers });
      for await (const batch of batches) yield fromEventBatch(batch);
    } catch (error) {
      const known = asClientError(error);
      breaker.failed(known);
      throw known;
    }
  };
  return {
    // A watch has no end of its own, hence no deadline.
    watch: (request, call) => stream(call, (m, o) => stub.client.watch(toWatch(request), m, o), null),
    snapshot: (namespace, call) =>
      stream(
        call,
        (m, o) => stub.client.snapshot({ namespace: toNamespace(namespace) }, m, o),
        options.deadlines.getMs,
      ),
  };
}

function transfers(parts: ClientParts): Pick<BlockStore, 'beginPut' | 'get'> {
  return {
    beginPut: (request, call) => beginPut(parts, request, call),
    get: (request, call) => get(parts, request, call),
  };
}

async function beginPut(parts: ClientParts, request: PutRequest, call?: CallOptions): Promise<PutSession> {
  const { breaker, options, places, transport } = parts;
  breaker.pass();
  const scope = openScope(call, options.deadlines.putMs);
  let give = () => undefined as void;
  try {
    give = await places.take(scope.signal);
    const put = await transport.openPut(scope);
    const over = (error: AppError | null) => {
      scope.close();
      give();
      if (error) breaker.failed(error);
      else breaker.succeeded();
    };
    return await openPutSession({ call: put, scope, checksum: options.checksum, over }, request);
  } catch (error) {
    const known = noted(breaker, scope.signal, error);
    scope.close();
    give();
    throw known;
  }
}

async function* get(parts: ClientParts, request: GetRequest, call?: CallOptions): AsyncGenerator<GetFrame, void> {
  const { breaker, options, places, transport } = parts;
  breaker.pass();
  const scope = openScope(call, options.deadlines.getMs);
  let give = () => undefined as void;
  let stop = () => undefined as void;
  try {
    give = await places.take(scope.signal);
    const opened = await transport.openGet(scope);
    stop = () => opened.cancel();
    const { creditFrames } = options.limits;
    for await (const frame of getBlocks({ call: opened, scope, checksum: options.checksum, creditFrames }, request)) {
      if (frame.kind === 'done') stop = () => opened.end();
      yield frame;
    }
    breaker.succeeded();
  } catch (error) {
    throw noted(breaker, scope.signal, error);
  } finally {
    stop();
    scope.close();
    give();
  }
}
