import type { CallOptions, GetFrame, GetRequest, PutRequest, PutSession } from '@longhaul/kv-core';
import { record } from '@longhaul/platform-otel';
import type { StoreCore } from '../../core/store-core.js';

const MS_PER_S = 1000;

type Operation = 'lookup' | 'put' | 'get' | 'evict';

/**
 * The same store, with the time of its operations recorded: a put from its begin to its commit, a get from its first
 * frame asked for to its end, the consumer's pauses included. A put that never comes to its commit is not recorded; what else fails is.
 */
export function timedStore(store: StoreCore): StoreCore {
  return {
    storeEpoch: store.storeEpoch,
    tiers: store.tiers,
    start: () => store.start(),
    close: () => store.close(),
    handshake: (request, call) => store.handshake(request, call),
    lookupPrefix: (request, call) => timed('lookup', () => store.lookupPrefix(request, call)),
    beginPut: (request, call) => timedPut(store, request, call),
    get: (request, call) => timedGet(store, request, call),
    renewLease: (leaseId, leaseMs, call) => store.renewLease(leaseId, leaseMs, call),
    releaseLease: (leaseId, call) => store.releaseLease(leaseId, call),
    pin: (request, call) => store.pin(request, call),
    unpin: (namespace, keys, call) => store.unpin(namespace, keys, call),
    evict: (request, call) => timed('evict', () => store.evict(request, call)),
    watch: (request, call) => store.watch(request, call),
    snapshot: (namespace, call) => store.snapshot(namespace, call),
    stat: (namespace, call) => store.stat(namespace, call),
  };
}

/** Starts a clock; the returned function records what it shows. */
function clock(operation: Operation): () => void {
  const startMs = performance.now();
  return () => record('kvOperationDuration', (performance.now() - startMs) / MS_PER_S, { operation });
}

async function timed<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
  const stop = clock(operation);
  try {
    return await work();
  } finally {
    stop();
  }
}

async function timedPut(store: StoreCore, request: PutRequest, call?: CallOptions): Promise<PutSession> {
  const stop = clock('put');
  const session = await store.beginPut(request, call);
  return {
    alreadyPresent: session.alreadyPresent,
    write: (offset, bytes) => session.write(offset, bytes),
    commit: () => session.commit().finally(stop),
    abort: (reason) => session.abort(reason),
  };
}

async function* timedGet(
  store: StoreCore,
  request: GetRequest,
  call?: CallOptions,
): AsyncGenerator<GetFrame, void, undefined> {
  const stop = clock('get');
  try {
    yield* store.get(request, call);
  } finally {
    stop();
  }
}
