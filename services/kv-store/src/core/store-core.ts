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
import { AppError } from '@longhaul/kernel';
import { evictBlocks, pinBlocks, snapshotBatches, statOf } from './administration.js';
import { CallGuard } from './call-guard.js';
import { type GetParts, GetStream } from './get-stream.js';
import type { TierState } from './guarded-tier.js';
import { checkKeys, lookupPrefix } from './lookup.js';
import { Promoter } from './promoter.js';
import { Puts } from './puts.js';
import { ReadBudget } from './read-ahead.js';
import { recoverTier } from './recovery.js';
import { tellRecovered } from './recovered-events.js';
import { tierName } from './residence.js';
import { storeErrors } from './store-errors.js';
import type { StoreParts } from './store-parts.js';
import { WriteThrough } from './write-through.js';

const RAW_CODEC = 0;
const SWEEP_MS = 1000;

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
  readonly tiers: readonly TierState[];
  private readonly writeThrough: WriteThrough;
  private readonly puts: Puts;
  private readonly reading: GetParts;
  private readonly ready: Promise<void>;
  private gets = 0;
  private started = false;
  private closed = false;
  private markReady: () => void = () => undefined;
  private background: Promise<void> = Promise.resolve();
  private cancelSweep: () => void = () => undefined;

  constructor(
    private readonly parts: StoreParts,
    readonly storeEpoch: bigint,
  ) {
    this.tiers = parts.guarded.filter((guard) => guard !== null);
    this.writeThrough = new WriteThrough(parts);
    this.puts = new Puts(parts, this.writeThrough);
    const budget = new ReadBudget(parts.limits.maxReadAheadBytes, parts.observer);
    this.reading = { parts, promoter: new Promoter(parts), budget };
    this.ready = new Promise((resolve) => (this.markReady = resolve));
  }

  async start(): Promise<void> {
    if (this.started) return this.ready;
    this.started = true;
    const stopped = () => this.closed;
    const [later, first] = [[] as number[], [] as number[]];
    this.parts.guarded.forEach((_, tier) => (tierName(tier) === 'object' ? later : first).push(tier));
    for (const tier of first) await recoverTier(this.parts, tier, stopped);
    this.background = (async () => {
      for (const tier of later) await recoverTier(this.parts, tier, stopped);
    })();
    this.sweepLater();
    this.markReady();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.markReady();
    this.cancelSweep();
    this.puts.close();
    await this.background;
    await this.writeThrough.drain();
    await Promise.all(this.parts.guarded.map((guard) => guard?.close()));
    await this.parts.ram.close();
  }

  async handshake(request: HandshakeRequest, call: CallOptions = {}): Promise<HandshakeReply> {
    await this.enter(call);
    if (!request.formatVersions.includes(FORMAT_MAJOR)) {
      throw storeErrors.unsupported(`format_versions lacks ${FORMAT_MAJOR}, the one this store keeps.`);
    }
    if (!request.codecs.includes(RAW_CODEC)) throw storeErrors.unsupported('codecs lacks 0 (raw).');
    const { namespaces, limits, observer, events } = this.parts;
    const { record, raised, named } = namespaces.handshake(request.namespace);
    observer.measured('namespaces', namespaces.count, limits.maxNamespaces, {});
    if (raised) await this.endOlderRollouts(request.namespace);
    if (raised && record.id) events.append({ kind: 'cleared', namespaceId: record.id });
    const { deployEpoch } = request.namespace;
    if (named) void tellRecovered(this.parts, { record, deployEpoch }, () => this.closed);
    return {
      formatVersion: FORMAT_MAJOR,
      storeEpoch: this.storeEpoch,
      maxFrameBytes: limits.maxFrameBytes,
      credit: limits.frameCredit,
    };
  }

  async lookupPrefix(request: PrefixLookup, call: CallOptions = {}): Promise<PrefixMatch> {
    await this.enter(call);
    return lookupPrefix(this.parts, this.writeThrough, { request, storeEpoch: this.storeEpoch });
  }

  async beginPut(request: PutRequest, call: CallOptions = {}): Promise<PutSession> {
    await this.enter(call);
    return this.puts.begin(request);
  }

  async *get(request: GetRequest, call: CallOptions = {}): AsyncGenerator<GetFrame, void, undefined> {
    const guard = await this.enter(call);
    const { leases, limits, namespaces, observer } = this.parts;
    const record = namespaces.require(request.namespace);
    checkKeys(request.keys, limits.maxLookupKeys);
    const lease = leases.require(request.leaseId);
    if (lease.namespace !== record.ordinal) throw storeErrors.namespace('The lease is of another namespace.');
    if (this.gets >= limits.maxGets) {
      throw storeErrors.busy(`${limits.maxGets} gets are under way.`, { limit: limits.maxGets });
    }
    this.countGets(1);
    try {
      yield* new GetStream(this.reading, request, { lease, guard }).frames();
    } catch (error) {
      observer.counted('gets_failed', 1, { reason: AppError.from(error).reason });
      throw error;
    } finally {
      this.countGets(-1);
    }
  }

  async renewLease(leaseId: Uint8Array, leaseMs: number, call: CallOptions = {}): Promise<{ expiresUnixMs: number }> {
    await this.enter(call);
    const { leases } = this.parts;
    return { expiresUnixMs: leases.extend(leases.require(leaseId), leaseMs) };
  }

  async releaseLease(leaseId: Uint8Array, call: CallOptions = {}): Promise<void> {
    await this.enter(call);
    this.parts.leases.release(leaseId);
  }

  async pin(request: PinRequest, call: CallOptions = {}): Promise<void> {
    await this.enter(call);
    pinBlocks(this.parts, request);
  }

  async unpin(namespace: Namespace, keys: readonly Uint8Array[], call: CallOptions = {}): Promise<void> {
    await this.enter(call);
    const record = this.parts.namespaces.require(namespace);
    checkKeys(keys, this.parts.limits.maxLookupKeys);
    const { blocks, pins } = this.parts;
    for (const key of keys) {
      const slot = blocks.find(key);
      if (slot >= 0 && blocks.namespaceOf(slot) === record.ordinal) pins.drop(slot);
    }
  }

  async evict(request: EvictRequest, call: CallOptions = {}): Promise<EvictOutcome> {
    const guard = await this.enter(call);
    return guard.wait(evictBlocks(this.parts, this.parts.namespaces.require(request.namespace), request));
  }

  async *watch(request: WatchRequest, call: CallOptions = {}): AsyncGenerator<BlockEventBatch, void, undefined> {
    await this.enter(call);
    const { id } = this.parts.namespaces.require(request.namespace);
    const name = Buffer.from(id ?? []);
    yield* this.parts.events.watch(
      { ...request, wants: (event) => event.namespaceId === null || name.equals(event.namespaceId) },
      call.signal,
    );
  }

  async *snapshot(namespace: Namespace, call: CallOptions = {}): AsyncGenerator<BlockEventBatch, void, undefined> {
    const guard = await this.enter(call);
    const record = this.parts.namespaces.require(namespace);
    for (const batch of snapshotBatches(this.parts, record, namespace.deployEpoch)) {
      guard.check();
      yield batch;
    }
  }

  async stat(namespace: Namespace | null, call: CallOptions = {}): Promise<StoreStat> {
    await this.enter(call);
    return statOf(this.parts, namespace ? this.parts.namespaces.require(namespace) : null);
  }

  /** Waits for the start; refuses who comes after the end. */
  private async enter(call: CallOptions): Promise<CallGuard> {
    const guard = new CallGuard(call, this.parts.clock);
    await guard.wait(this.ready);
    if (this.closed) throw storeErrors.closed();
    return guard;
  }

  /** What earlier rollouts stored is of no use any more; what of it is being read goes when the reads end. */
  private async endOlderRollouts(namespace: Namespace): Promise<void> {
    const record = this.parts.namespaces.require(namespace);
    await evictBlocks(this.parts, record, {
      namespace,
      what: { kind: 'epoch_below', epoch: namespace.deployEpoch },
    });
  }

  /** Leases, pins and silent writers end on time even when nobody calls. */
  private sweepLater(): void {
    this.cancelSweep = this.parts.clock.after(SWEEP_MS, () => {
      this.parts.leases.sweep(true);
      this.parts.pins.sweep();
      this.puts.sweep();
      this.parts.residence.retryRemovals();
      if (!this.closed) this.sweepLater();
    });
  }

  private countGets(by: number): void {
    this.gets += by;
    this.parts.observer.measured('gets', this.gets, this.parts.limits.maxGets, {});
  }
}
