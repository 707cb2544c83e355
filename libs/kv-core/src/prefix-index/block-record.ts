import type { QualityClass } from '../quality.js';
import type { Tier } from '../tier.js';

/** Names a block of the index until it is removed; then it may name another. A small whole number. */
export type BlockHandle = number;

/** No block: the parent of a chain's first block, or nothing found. */
export const NO_BLOCK = -1;

/** Bits of the tiers that hold a block. */
export const TierBit: Readonly<Record<Tier, number>> = { ram: 1, disk: 2, object: 4 };

/** `soft`: evicted last. `hard`: never evicted. */
export const PinLevel = { none: 0, soft: 1, hard: 2 } as const;
export type PinLevel = (typeof PinLevel)[keyof typeof PinLevel];

/** A block to enter into the index. */
export interface NewBlock {
  /** Number of the namespace, 0 to 65,535; given by the index's owner. Equal keys of two namespaces are two blocks. */
  readonly namespace: number;
  readonly deployEpoch: number;
  /** 32 bytes, copied. */
  readonly key: Uint8Array;
  /** The block before, of the same namespace, or `NO_BLOCK` for a chain's first. */
  readonly parent: BlockHandle;
  readonly quality: QualityClass;
  /** Of the object; at most 2^32 - 1. */
  readonly bytes: number;
  /** Cost of computing it anew, microseconds; kept up to 2^32 - 1. */
  readonly costMicros: number;
  /** Sum of `TierBit`. */
  readonly tiers: number;
  /** Whether lookups find it. */
  readonly visible: boolean;
}

/** Who must know when blocks change, for instance an eviction policy. Called within the change; must not change the index. */
export interface IndexObserver {
  /** Leases began or ended, or the pin changed. */
  eligibilityChanged(block: BlockHandle): void;
  touched(block: BlockHandle): void;
  /** About to go; the handle is valid for the last time. */
  removed(block: BlockHandle): void;
}

/** A lookup of a chain. */
export interface PrefixQuery {
  readonly namespace: number;
  readonly deployEpoch: number;
  /** Chain keys in order, 32 bytes each. */
  readonly keys: readonly Uint8Array[];
  /** Worst quality class that is taken: 1 takes exact blocks only. */
  readonly minQuality: QualityClass;
}
