import type { Checksum } from '@longhaul/kv-core';
import type { ObjectBucket } from './object-bucket.js';

/** How the object tier packs, reads and gives up. Defaults in `DEFAULT_OBJECT_TIER`. */
export interface ObjectTierOptions {
  readonly bucket: ObjectBucket;
  readonly checksum: Checksum;
  /** Most bytes in the bucket, by this process's knowledge; a put beyond it fails with `KV_TIER_FULL`. */
  readonly limitBytes: number;
  /** An extent is stored when it has this many bytes ... */
  readonly extentBytes?: number;
  /** ... or when its first object has waited this long: what a put waits at most, beside the upload itself. */
  readonly extentAgeMs?: number;
  /** Most bytes that wait for upload or are being uploaded; a put beyond it fails with `KV_BUSY`. */
  readonly maxPendingBytes?: number;
  /** Extents being uploaded at once. */
  readonly uploads?: number;
  /** Range requests at once. */
  readonly reads?: number;
  /** Range requests that may wait; one more fails with `KV_BUSY`. */
  readonly maxWaitingReads?: number;
  /** A longer read is split into parts of this size, which are fetched in parallel. */
  readonly partBytes?: number;
  /** Most bytes of block heads that are kept in memory. */
  readonly leadCacheBytes?: number;
  /** An extent with a smaller share of live bytes is rewritten. */
  readonly rewriteBelow?: number;
  /** The same once 90 % of the limit are in use: removing must then make room. */
  readonly rewriteBelowWhenFull?: number;
  /** Between probes of a store that failed. */
  readonly probeMs?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Told when extents were found after `open` had returned, because the store was away then: read `entries()` again. */
  readonly onFound?: () => void;
}

export const DEFAULT_OBJECT_TIER = {
  extentBytes: 32 * 2 ** 20,
  extentAgeMs: 1_000,
  maxPendingBytes: 256 * 2 ** 20,
  uploads: 4,
  reads: 16,
  maxWaitingReads: 1_024,
  partBytes: 4 * 2 ** 20,
  leadCacheBytes: 16 * 2 ** 20,
  rewriteBelow: 0.25,
  rewriteBelowWhenFull: 0.75,
  probeMs: 5_000,
  now: Date.now,
  onFound: () => undefined,
} as const;

/** Numbers for gauges and counters. */
export interface ObjectTierStats {
  readonly extents: number;
  readonly objects: number;
  /** Bytes of live objects; `usedBytes` less this is dead, doomed or pending. */
  readonly liveBytes: number;
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly pendingBytes: number;
  readonly maxPendingBytes: number;
  readonly pendingObjects: number;
  readonly uploadsRunning: number;
  readonly readsRunning: number;
  readonly readsWaiting: number;
  readonly leadCacheBytes: number;
  /** Extents that are deleted once nobody reads them, or once the store can be written to. */
  readonly doomedBytes: number;
  /** Extents whose removed keys are only known in memory: they would come back with a restart now. */
  readonly unsavedExtents: number;
  /** Extents that could not be read at start: neither served nor deleted. */
  readonly damagedExtents: number;
  readonly damagedBytes: number;
  /** Objects that contradicted their checksum since the start. */
  readonly corruptReads: number;
  readonly storedExtents: number;
  readonly rewrittenExtents: number;
  readonly deletedExtents: number;
  /** Removals and rewritings that failed and are tried again. */
  readonly maintenanceFailures: number;
}
