import {
  type BlockEventBatch,
  type BlockStore,
  type CallOptions,
  type EvictOutcome,
  type EvictRequest,
  FORMAT_MAJOR,
  type GetFrame,
  type GetRequest,
  type HandshakeReply,
  type HandshakeRequest,
  type Namespace,
  type PinRequest,
  type PrefixLookup,
  type PrefixMatch,
  type PutRequest,
  type PutSession,
  type StoreStat,
  type WatchRequest,
} from '@longhaul/kv-core';
import { CallGuard } from './call-guard.js';
import type { EventLog } from './events/index.js';
import type { StoreClock, StoreObserver } from './ports.js';
import type { Reading } from './reading/index.js';
import type {
  Administration,
  LeaseTable,
  NamespaceRecord,
  Namespaces,
  Recovery,
  Snapshots,
} from './residence/index.js';
import { storeErrors } from './store-errors.js';
import type { StoreLimits } from './store-options.js';
import type { TierSet, TierState } from './tiers/index.js';
import type { Writing } from './writing/index.js';

const RAW_CODEC = 0;
const SWEEP_MS = 1000;

/** What the store's calls are made of. None of them knows the others but through this. */
export interface CoreParts {
  readonly namespaces: Namespaces;
  readonly reading: Reading;
  readonly writing: Writing;
  readonly leases: Pick<LeaseTable, 'extend' | 'release' | 'require'>;
  readonly administration: Administration;
  readonly snapshots: Snapshots;
  readonly recovery: Recovery;
  readonly events: Pick<EventLog, 'append' | 'watch'>;
  readonly tiers: Pick<TierSet, 'close' | 'present'>;
  readonly statOf: (record: NamespaceRecord | null) => StoreStat;
  /** Ends what has had its time, where nobody calls. */
  readonly sweep: () => void;
  readonly clock: StoreClock;
  readonly observer: StoreObserver;
  readonly limits: Pick<StoreLimits, 'frameCredit' | 'maxFrameBytes' | 'maxNamespaces'>;
}

/** The store behind its port, and its life. */
export interface StoreCore extends BlockStore {
  /** Random at each start; events count within it. */
  readonly storeEpoch: bigint;
  /** The tiers below memory. */
  readonly tiers: readonly TierState[];
  /** As in `BlockStore`; `return` ends it early and lets go of what it read. */
  get(request: GetRequest, call?: CallOptions): AsyncGenerator<GetFrame, void, undefined>;
  /**
   * Finds again what the tiers kept. Call once, before anything else is answered: calls that come earlier wait. An
   * object store is indexed in the background afterwards; its blocks become visible one by one.
   */
  start(): Promise<void>;
  /** Ends writers, finishes what is on its way to lower tiers, closes the tiers. Later calls are refused. */
  close(): Promise<void>;
}

/** The decisions of the kv-store. Made by `createStoreCore`. */
export class KvStoreCore implements StoreCore {
  readonly #parts: CoreParts;
  readonly #ready: Promise<void>;
  #started = false;
  #closed = false;
  #markReady: () => void = () => undefined;
  #cancelSweep: () => void = () => undefined;

  constructor(
    parts: CoreParts,
    readonly storeEpoch: bigint,
  ) {
    this.#parts = parts;
    this.#ready = new Promise((resolve) => (this.#markReady = resolve));
  }

  get tiers(): readonly TierState[] {
    return this.#parts.tiers.present;
  }

  async start(): Promise<void> {
    if (this.#started) return this.#ready;
    this.#started = true;
    await this.#parts.recovery.start(() => this.#closed);
    this.#sweepLater();
    this.#markReady();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#markReady();
    this.#cancelSweep();
    const { recovery, tiers, writing } = this.#parts;
    writing.endWriters();
    await recovery.ended();
    await writing.drain();
    await tiers.close();
  }

  async handshake(request: HandshakeRequest, call: CallOptions = {}): Promise<HandshakeReply> {
    await this.#enter(call);
    if (!request.formatVersions.includes(FORMAT_MAJOR)) {
      throw storeErrors.unsupported(`format_versions lacks ${FORMAT_MAJOR}, the one this store keeps.`);
    }
    if (!request.codecs.includes(RAW_CODEC)) throw storeErrors.unsupported('codecs lacks 0 (raw).');
    const { namespaces, limits, observer } = this.#parts;
    const bound = namespaces.handshake(request.namespace);
    observer.measured('namespaces', namespaces.count, limits.maxNamespaces, {});
    await this.#greet(request.namespace, bound);
    return {
      formatVersion: FORMAT_MAJOR,
      storeEpoch: this.storeEpoch,
      maxFrameBytes: limits.maxFrameBytes,
      credit: limits.frameCredit,
    };
  }

  async lookupPrefix(request: PrefixLookup, call: CallOptions = {}): Promise<PrefixMatch> {
    await this.#enter(call);
    return this.#parts.reading.lookup(request);
  }

  async beginPut(request: PutRequest, call: CallOptions = {}): Promise<PutSession> {
    await this.#enter(call);
    return this.#parts.writing.begin(request);
  }

  async *get(request: GetRequest, call: CallOptions = {}): AsyncGenerator<GetFrame, void, undefined> {
    const guard = await this.#enter(call);
    yield* this.#parts.reading.get(request, guard);
  }

  async renewLease(leaseId: Uint8Array, leaseMs: number, call: CallOptions = {}): Promise<{ expiresUnixMs: number }> {
    await this.#enter(call);
    const { leases } = this.#parts;
    return { expiresUnixMs: leases.extend(leases.require(leaseId), leaseMs) };
  }

  async releaseLease(leaseId: Uint8Array, call: CallOptions = {}): Promise<void> {
    await this.#enter(call);
    this.#parts.leases.release(leaseId);
  }

  async pin(request: PinRequest, call: CallOptions = {}): Promise<void> {
    await this.#enter(call);
    this.#parts.administration.pin(request);
  }

  async unpin(namespace: Namespace, keys: readonly Uint8Array[], call: CallOptions = {}): Promise<void> {
    await this.#enter(call);
    this.#parts.administration.unpin(namespace, keys);
  }

  async evict(request: EvictRequest, call: CallOptions = {}): Promise<EvictOutcome> {
    const guard = await this.#enter(call);
    return guard.wait(this.#parts.administration.evict(request));
  }

  async *watch(request: WatchRequest, call: CallOptions = {}): AsyncGenerator<BlockEventBatch, void, undefined> {
    await this.#enter(call);
    const { events, namespaces } = this.#parts;
    const { id } = namespaces.require(request.namespace);
    const name = Buffer.from(id ?? []);
    yield* events.watch(
      { ...request, wants: (event) => event.namespaceId === null || name.equals(event.namespaceId) },
      call.signal,
    );
  }

  async *snapshot(namespace: Namespace, call: CallOptions = {}): AsyncGenerator<BlockEventBatch, void, undefined> {
    const guard = await this.#enter(call);
    const { namespaces, snapshots } = this.#parts;
    const record = namespaces.require(namespace);
    for (const batch of snapshots.batches(record, namespace.deployEpoch)) {
      guard.check();
      yield batch;
    }
  }

  async stat(namespace: Namespace | null, call: CallOptions = {}): Promise<StoreStat> {
    await this.#enter(call);
    return this.#parts.statOf(namespace ? this.#parts.namespaces.require(namespace) : null);
  }

  /** Waits for the start; refuses who comes after the end. */
  async #enter(call: CallOptions): Promise<CallGuard> {
    const guard = new CallGuard(call, this.#parts.clock);
    await guard.wait(this.#ready);
    if (this.#closed) throw storeErrors.closed();
    return guard;
  }

  /** What earlier rollouts stored is of no use any more; what of it is being read goes when the reads end. */
  async #greet(namespace: Namespace, { record, raised, named }: ReturnType<Namespaces['handshake']>): Promise<void> {
    const { administration, events, snapshots } = this.#parts;
    const { deployEpoch } = namespace;
    if (raised) await administration.evict({ namespace, what: { kind: 'epoch_below', epoch: deployEpoch } });
    if (raised && record.id) events.append({ kind: 'cleared', namespaceId: record.id });
    if (named) void snapshots.tellRecovered(record, deployEpoch, () => this.#closed);
  }

  /** Leases, pins and silent writers end on time even when nobody calls. */
  #sweepLater(): void {
    const sweep = () => {
      this.#parts.sweep();
      if (!this.#closed) this.#sweepLater();
    };
    this.#cancelSweep = this.#parts.clock.after(SWEEP_MS, sweep, 'background');
  }
}
