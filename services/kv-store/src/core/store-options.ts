import type { BlockTier, Checksum } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import type { EventSink, RandomBytes, StoreClock, StoreObserver } from './ports.js';

/** Most bytes of one tenant, per tier; hard pins have a bound of their own within them. */
export interface TenantLimits {
  readonly ramBytes: number;
  readonly diskBytes: number;
  readonly objectBytes: number;
  readonly hardPinnedBytes: number;
}

export interface TenantTable {
  readonly default: TenantLimits;
  /** By tenant name. */
  readonly byTenant: ReadonlyMap<string, TenantLimits>;
}

/** When a block goes down to a tier: at once, or after it was hit so many times. */
export type WriteMode =
  { readonly kind: 'write_through' } | { readonly kind: 'write_through_selective'; readonly afterHits: number };

/** A tier below memory. */
export interface LowerTier {
  /** `disk` or `object`; each at most once. Owned by the core from then on: it closes it. */
  readonly tier: BlockTier;
  readonly write: WriteMode;
}

/** Every bound of the store. Bytes, counts, milliseconds. */
export interface StoreLimits {
  /** Blocks the index may know, placeholders of missing parents included. */
  readonly maxBlocks: number;
  readonly maxNamespaces: number;
  readonly maxObjectBytes: number;
  readonly maxLookupKeys: number;
  readonly maxLeases: number;
  readonly defaultLeaseMs: number;
  readonly maxLeaseMs: number;
  /** From the lookup on, however often it is renewed. */
  readonly maxLeaseLifeMs: number;
  readonly maxPins: number;
  readonly maxPutSessions: number;
  readonly maxPutBytesInFlight: number;
  /** Without a write for so long, another writer of the key may take over. */
  readonly writerLeaseMs: number;
  /** From begin on; the session's space is taken back then in any case. */
  readonly maxPutLifeMs: number;
  readonly maxGets: number;
  /** Reads of one get that may be under way before the consumer asks. */
  readonly readAheadSections: number;
  /** Of all gets together; a get that finds none left reads one section at a time. */
  readonly maxReadAheadBytes: number;
  readonly maxFrameBytes: number;
  readonly frameCredit: number;
  readonly writeThroughBlocks: number;
  /** At most a quarter of memory in any case: what is queued cannot be evicted. */
  readonly writeThroughBytes: number;
  /** Blocks that found the queue full and are remembered. */
  readonly writeThroughBacklog: number;
  readonly writeThroughConcurrency: number;
  readonly tierDeadlineMs: number;
  /** How long commit waits for the lower tier where it waits at all. */
  readonly durableWaitMs: number;
  readonly maxTierOperations: number;
  /** Failures in a row until a tier is left alone for `tierPauseMs`. */
  readonly tierFailures: number;
  readonly tierPauseMs: number;
  readonly ringEvents: number;
  readonly maxWatchers: number;
  /** Share of a tier in use at which eviction starts, and the share it frees then. */
  readonly evictStart: number;
  readonly evictShare: number;
}

const MIB = 2 ** 20;

export const DEFAULT_LIMITS: StoreLimits = {
  maxBlocks: 2 ** 20,
  maxNamespaces: 4096,
  maxObjectBytes: 256 * MIB,
  maxLookupKeys: 16_384,
  maxLeases: 4096,
  defaultLeaseMs: 10_000,
  maxLeaseMs: 60_000,
  maxLeaseLifeMs: 600_000,
  maxPins: 65_536,
  maxPutSessions: 256,
  maxPutBytesInFlight: 512 * MIB,
  writerLeaseMs: 30_000,
  maxPutLifeMs: 600_000,
  maxGets: 256,
  readAheadSections: 16,
  maxReadAheadBytes: 256 * MIB,
  maxFrameBytes: MIB,
  frameCredit: 16,
  writeThroughBlocks: 1024,
  writeThroughBytes: 256 * MIB,
  writeThroughBacklog: 16_384,
  writeThroughConcurrency: 8,
  tierDeadlineMs: 5_000,
  durableWaitMs: 5_000,
  maxTierOperations: 256,
  tierFailures: 3,
  tierPauseMs: 5_000,
  ringEvents: 65_536,
  maxWatchers: 64,
  evictStart: 0.9,
  evictShare: 0.05,
};

export interface StoreCoreOptions {
  /** Who publishes the events. */
  readonly owner: string;
  /** Bound of blocks at rest in memory, those being written included. */
  readonly ramBytes: number;
  /** Below memory, fastest first; none is legal. */
  readonly lower?: readonly LowerTier[];
  readonly clock: StoreClock;
  /** CRC32C; native where there is one. */
  readonly checksum: Checksum;
  readonly random: RandomBytes;
  readonly limits?: Partial<StoreLimits>;
  /** Default: a tenant may fill the store. */
  readonly tenants?: TenantTable;
  /** True: commit resolves when the first tier below has the block, or has failed to take it. */
  readonly waitForDurable?: boolean;
  readonly sink?: EventSink;
  readonly observer?: StoreObserver;
}

export const UNLIMITED_TENANTS: TenantTable = {
  default: { ramBytes: Infinity, diskBytes: Infinity, objectBytes: Infinity, hardPinnedBytes: Infinity },
  byTenant: new Map(),
};

/** Namespaces that the index has numbers for. */
const MAX_NAMESPACES = 65_536;

/** Defaults filled in. @throws AppError `INVALID_ARGUMENT` for more namespaces than the index can tell apart. */
export function completeLimits(given: Partial<StoreLimits> = {}): StoreLimits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  if (limits.maxNamespaces <= MAX_NAMESPACES) return limits;
  const message = `maxNamespaces is ${limits.maxNamespaces}; the index numbers at most ${MAX_NAMESPACES}.`;
  throw invalidArgument('maxNamespaces', message, { limit: MAX_NAMESPACES });
}
