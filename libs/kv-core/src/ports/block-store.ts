import type { Namespace } from '../namespace.js';
import type { QualityClass } from '../quality.js';
import type { Tier } from '../tier.js';
import type { BlockEventBatch } from './block-events.js';

/**
 * A store of immutable KV blocks, as its users see it: the engine's connector, the gRPC client and the CLI. The
 * service's core implements it; the gRPC client implements it over the wire; embedded calls the core directly.
 *
 * All failures are AppError. Reasons that callers tell apart: `KV_NAMESPACE_MISMATCH`, `KV_QUOTA_EXCEEDED`, `KV_BUSY`,
 * `KV_LEASE_EXPIRED`, `KV_CORRUPT`, `KV_INCOMPLETE`, `KV_UNSUPPORTED`, `KV_STORE_UNAVAILABLE`, `KV_CAPABILITY_INVALID`.
 */
export interface BlockStore {
  /** Agrees on versions and proves that both sides mean the same model; nothing else is accepted before it. */
  handshake(request: HandshakeRequest, call?: CallOptions): Promise<HandshakeReply>;
  /** The longest run of visible blocks from the first key on, and a lease that keeps them until it expires. */
  lookupPrefix(request: PrefixLookup, call?: CallOptions): Promise<PrefixMatch>;
  /** Reserves room for one block. The block becomes visible with `commit`, never before. */
  beginPut(request: PutRequest, call?: CallOptions): Promise<PutSession>;
  /** Streams leased blocks, all blocks' layer 0 first. The consumer's pull is the back-pressure. */
  get(request: GetRequest, call?: CallOptions): AsyncIterable<GetFrame>;
  renewLease(leaseId: Uint8Array, leaseMs: number, call?: CallOptions): Promise<{ expiresUnixMs: number }>;
  releaseLease(leaseId: Uint8Array, call?: CallOptions): Promise<void>;
  pin(request: PinRequest, call?: CallOptions): Promise<void>;
  unpin(namespace: Namespace, keys: readonly Uint8Array[], call?: CallOptions): Promise<void>;
  evict(request: EvictRequest, call?: CallOptions): Promise<EvictOutcome>;
  /** Events from a sequence number on; at least once, in order within an epoch. Ends only by the signal. */
  watch(request: WatchRequest, call?: CallOptions): AsyncIterable<BlockEventBatch>;
  /** Everything visible now, as stored events; the last batch says so and carries the sequence to watch from. */
  snapshot(namespace: Namespace, call?: CallOptions): AsyncIterable<BlockEventBatch>;
  stat(namespace: Namespace | null, call?: CallOptions): Promise<StoreStat>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Unix milliseconds as `steadyUnixMs` counts them: within this process, and without jumps. */
  readonly deadlineUnixMs?: number;
}

export interface HandshakeRequest {
  readonly namespace: Namespace;
  readonly formatVersions: readonly number[];
  readonly codecs: readonly number[];
  readonly workerId: string;
}

export interface HandshakeReply {
  readonly formatVersion: number;
  /** Random at each start of the store; sequence numbers of events count within it. */
  readonly storeEpoch: bigint;
  readonly maxFrameBytes: number;
  /** Frames that may be under way unacknowledged. */
  readonly credit: number;
}

export interface PrefixLookup {
  readonly namespace: Namespace;
  /** Chain keys in order, 32 bytes each. */
  readonly keys: readonly Uint8Array[];
  readonly minQuality: QualityClass;
  readonly leaseMs: number;
}

export interface TierSpan {
  readonly tier: Tier;
  readonly first: number;
  readonly count: number;
  readonly storedBytes: number;
  /** Expected time to have these bytes in the store's memory, microseconds, from measured bandwidth. */
  readonly estimatedLoadMicros: number;
}

export interface PrefixMatch {
  readonly matchedBlocks: number;
  readonly spans: readonly TierSpan[];
  /** Empty when nothing matched. */
  readonly leaseId: Uint8Array;
  readonly leaseExpiresUnixMs: number;
  readonly storeEpoch: bigint;
}

export interface PutRequest {
  readonly namespace: Namespace;
  readonly key: Uint8Array;
  /** The root key for a chain's first block. */
  readonly parentKey: Uint8Array;
  readonly objectBytes: number;
  /** Measured cost of computing the block anew, for cost-aware eviction. */
  readonly recomputeMicros: number;
  /** 0: no limit. */
  readonly ttlSeconds: number;
}

export interface PutSession {
  /** The block is visible already: nothing needs to be sent. */
  readonly alreadyPresent: boolean;
  /** Bytes of the object at an offset, in any order, each once. Resolves when the store can take more. Copied or sent by then. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Verifies everything (checksums, sizes, key, parent, namespace), then makes the block visible. */
  commit(): Promise<PutOutcome>;
  abort(reason: string): Promise<void>;
}

export interface PutOutcome {
  readonly alreadyPresent: boolean;
  /** The safest tier that holds the block when commit resolves. */
  readonly durableTier: Tier;
}

export interface GetRequest {
  readonly namespace: Namespace;
  readonly leaseId: Uint8Array;
  readonly keys: readonly Uint8Array[];
  /** [begin, end) of the layers wanted; sections of no layer (tokens, positions, sub-checksums) always come first. */
  readonly layerBegin: number;
  readonly layerEnd: number;
}

/**
 * A get stream: per block `head` first (header, section table, MAC: everything before the first section), then `data`
 * of whole sections or pieces of them in layer order across blocks, `end` once per block, `done` once. A block whose
 * `end` is not ok makes every later block of the chain useless to the consumer. The bytes of `data` are good until the
 * next frame is asked for: copy what is to stay.
 */
export type GetFrame =
  | { readonly kind: 'head'; readonly block: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'data';
      readonly block: number;
      readonly section: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
      /** CRC32C of `bytes` where the block itself states it: who sends them on need not sum them again. */
      readonly crc32c?: number;
    }
  | { readonly kind: 'end'; readonly block: number; readonly outcome: BlockOutcome }
  | { readonly kind: 'done'; readonly blocksOk: number };

export type BlockOutcome = 'ok' | 'not_found' | 'corrupt' | 'lease_expired' | 'cancelled';

export interface PinRequest {
  readonly namespace: Namespace;
  readonly keys: readonly Uint8Array[];
  readonly ttlSeconds: number;
  /** Hard pins are never evicted and count against the tenant's quota; soft ones are evicted last. */
  readonly hard: boolean;
}

export interface EvictRequest {
  readonly namespace: Namespace;
  readonly what:
    | { readonly kind: 'keys'; readonly keys: readonly Uint8Array[] }
    | { readonly kind: 'namespace' }
    | { readonly kind: 'epoch_below'; readonly epoch: number };
}

export interface EvictOutcome {
  readonly evicted: number;
  readonly leasedSkipped: number;
}

export interface WatchRequest {
  readonly namespace: Namespace;
  readonly storeEpoch: bigint;
  readonly fromSequence: bigint;
}

export interface TierStat {
  readonly tier: Tier;
  readonly objects: number;
  readonly bytes: number;
  readonly limitBytes: number;
}

export interface StoreStat {
  readonly tiers: readonly TierStat[];
  readonly leases: number;
  readonly lookups: number;
  readonly hitBlocks: number;
  readonly missedBlocks: number;
  readonly corruptBlocks: number;
}
