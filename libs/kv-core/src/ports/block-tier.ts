import type { Tier } from '../tier.js';

/** One block as a tier keeps it. */
export interface TierObject {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly bytes: number;
  /** Unix seconds from which on it is not to be served; 0 or unset: none. */
  readonly expiresS?: number;
}

/**
 * A place that keeps whole objects by key: memory, the disk log, an S3 bucket. A tier knows nothing of tenants, leases
 * or prefixes; the store core decides what lives where. Bounded by `limitBytes`: `put` beyond it fails with
 * `KV_TIER_FULL`, the core evicts first.
 */
export interface BlockTier {
  readonly name: Tier;
  readonly limitBytes: number;
  /** Bytes in use, by the tier's own accounting (records and padding included). */
  readonly usedBytes: number;
  readonly objects: number;
  /** False while the tier refuses writes (disk full, read-only, endpoint down); `reason` says why. Reads may still work. */
  readonly health: { readonly writable: boolean; readonly readable: boolean; readonly reason: string };
  /** True where an expiry outlives the process with its object; others are given no objects that expire. */
  readonly keepsExpiry?: boolean;
  /**
   * Resolves once the object survives what the tier promises to survive. `object` is not kept. A second put of a key is a
   * no-op. `expiresS` is kept where `keepsExpiry` says so; acting on it is the caller's.
   */
  put(key: Uint8Array, object: Uint8Array, expiresS?: number): Promise<void>;
  /** Part of an object. Rejects with `KV_NOT_FOUND`, or `KV_CORRUPT` when the tier itself sees damage. */
  read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array>;
  has(key: Uint8Array): boolean;
  /** Length in bytes of the object, or -1. */
  sizeOf(key: Uint8Array): number;
  /** Gone from lookups at once, from the medium when nothing reads it any more. Unknown keys are skipped. */
  remove(keys: readonly Uint8Array[]): Promise<void>;
  /** What was found at start, oldest first. */
  entries(): Iterable<TierObject>;
  /** Finishes writes under way and closes. */
  close(): Promise<void>;
}
