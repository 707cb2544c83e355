import type { QualityClass } from '../quality.js';

/** Names a block of the index while the index knows it; then it may name another. A small whole number. */
export type BlockHandle = number;

/** No block: the parent of a chain's first block, or nothing found. */
export const NO_BLOCK = -1;

/** What the index keeps of a block besides its key, its parent and where it is. */
export interface BlockFacts {
  /** Number of the namespace, 0 to 65,535; given by the index's owner. */
  readonly namespace: number;
  readonly deployEpoch: number;
  readonly quality: QualityClass;
  /** Of the object: a multiple of 4096, at most `MAX_OBJECT_BYTES`. */
  readonly bytes: number;
  /** Cost of computing it anew, microseconds, below 2^32. */
  readonly recomputeMicros: number;
  /** Number of the block in its chain, from 0. */
  readonly firstBlock: number;
  /** Tokens of a full block, 1 to `MAX_BLOCK_TOKENS`. */
  readonly blockTokens: number;
  /** Length of everything before the first section: a multiple of 4096, below 16 MiB. */
  readonly headBytes: number;
  /** CRC32C of everything before the first section: the signature and padding have no checksum of their own. */
  readonly headCrc32c: number;
  /** Unix seconds; 0: never. */
  readonly expiresS: number;
}
