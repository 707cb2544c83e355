import type { BlockStore, Checksum, RawGeometry } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { PAGE_TOKENS } from '../limits.js';
import type { PageTransfer } from './page-transfer.js';

/**
 * `auto` loads what is expected to arrive sooner than it could be computed, by the engine's own measurements: before a
 * prompt has been computed all that is found, before anything has been loaded from a tier by what the store expects.
 * `always` loads all that is found; `never` only stores.
 */
export type LoadPolicy = 'auto' | 'always' | 'never';

/** Bounds and times of the engine's work with the store. All but the policy are positive integers, if not said otherwise. */
export interface StoreLimits {
  loadPolicy: LoadPolicy;
  /** Shorter continuations of a cached prefix are computed without asking. */
  minLoadTokens: number;
  /** Blocks asked for in one lookup, which stores bound; what follows them is computed. */
  maxLookupBlocks: number;
  /** A lookup that takes longer is a miss. */
  lookupTimeoutMs: number;
  /** Blocks that are not there by then are computed. */
  loadTimeoutMs: number;
  /** Blocks of one get stream; a damaged or late one costs at most those after it. */
  groupBlocks: number;
  /** The last stream may be longer: as long as the next step is expected to take, and so many blocks at most. */
  maxLastGroupBlocks: number;
  /**
   * A step that computes over a prefix while its last layers arrive waits for them no longer than this; then its result
   * for that sequence is thrown away. 0: a prefix is computed upon only when it is there as a whole.
   */
  overlapPatienceMs: number;
  /** Layers being copied into pages at the same time, per load. */
  maxConcurrentImports: number;
  /** Blocks being written at the same time; each has a buffer of one object. */
  maxConcurrentExports: number;
  /** Blocks that may wait to be written. They hold no memory: one that leaves the pool first is dropped. */
  maxQueuedBlocks: number;
  /** A write that takes longer is given up. */
  exportTimeoutMs: number;
  /** After a failure the store is left alone for this long, doubled with each further failure. */
  retryAfterMs: number;
  maxRetryAfterMs: number;
}

export const defaultStoreLimits: StoreLimits = {
  loadPolicy: 'auto',
  minLoadTokens: 64,
  maxLookupBlocks: 16_384,
  lookupTimeoutMs: 250,
  loadTimeoutMs: 30_000,
  groupBlocks: 32,
  maxLastGroupBlocks: 512,
  overlapPatienceMs: 250,
  maxConcurrentImports: 8,
  maxConcurrentExports: 2,
  maxQueuedBlocks: 8192,
  exportTimeoutMs: 30_000,
  retryAfterMs: 1000,
  maxRetryAfterMs: 30_000,
};

/** A store of KV blocks that outlives the engine, and what the engine must know to use it. */
export interface PrefixStoreOptions {
  store: BlockStore;
  transfer: PageTransfer;
  /** All layers of the model; `blockTokens` is a multiple of PAGE_TOKENS. */
  geometry: RawGeometry;
  /** `modelFingerprint` of kv-core over everything that decides KV values, the block size included; 32 bytes. */
  modelFingerprint: Uint8Array;
  /** Secret that the namespaces of all tenants are derived from; at least 16 bytes. */
  tenantSecret: Uint8Array;
  /** Raised to leave everything behind that was stored before. */
  deployEpoch: number;
  /** Who writes, for the store's log and for quarantine. */
  workerId: string;
  producerId: bigint;
  checksum: Checksum;
  limits: StoreLimits;
}

const POLICIES: readonly string[] = ['auto', 'always', 'never'];

/** Throws INVALID_ARGUMENT naming the first option that makes no sense. */
export function checkStoreOptions({ geometry, limits }: PrefixStoreOptions): void {
  const { blockTokens, layerBegin } = geometry;
  if (!Number.isInteger(blockTokens) || blockTokens < PAGE_TOKENS || blockTokens % PAGE_TOKENS !== 0) {
    throw invalidArgument('store.geometry.blockTokens', `blockTokens must be a multiple of ${PAGE_TOKENS}.`);
  }
  if (layerBegin !== 0) throw invalidArgument('store.geometry.layerBegin', 'Blocks must begin with layer 0.');
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'overlapPatienceMs' ? 0 : 1;
    const sound =
      name === 'loadPolicy' ? POLICIES.includes(String(value)) : Number.isSafeInteger(value) && Number(value) >= least;
    if (!sound) throw invalidArgument(`store.limits.${name}`, `store.limits.${name} must not be ${String(value)}.`);
  }
}
