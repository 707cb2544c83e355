import type { Checksum, PrefixIndex } from '@longhaul/kv-core';
import type { EventLog } from './event-log.js';
import type { Evictor } from './evictor.js';
import type { GuardedTier } from './guarded-tier.js';
import type { LeaseTable } from './lease-table.js';
import type { NamespaceRecord, Namespaces } from './namespaces.js';
import type { Pins } from './pins.js';
import type { StoreClock, StoreObserver } from './ports.js';
import type { RamTier } from './ram-tier.js';
import { RAM, type Residence } from './residence.js';
import type { StoreLimits, WriteMode } from './store-options.js';

/** Everything that the operations of the store share. Made once, by `createStoreCore`. */
export interface StoreParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Namespaces;
  readonly leases: LeaseTable;
  readonly pins: Pins;
  readonly residence: Residence;
  readonly evictor: Evictor;
  readonly events: EventLog;
  readonly ram: RamTier;
  /** By tier number; memory has no guard, absent tiers are null. */
  readonly guarded: readonly (GuardedTier | null)[];
  readonly writeModes: readonly (WriteMode | null)[];
  readonly clock: StoreClock;
  readonly checksum: Checksum;
  readonly observer: StoreObserver;
  readonly limits: StoreLimits;
  readonly waitForDurable: boolean;
}

/** Whether lookups under the namespace and rollout may see what is in the slot. */
export function isVisible(parts: StoreParts, slot: number, record: NamespaceRecord, deployEpoch: number): boolean {
  const { blocks, clock } = parts;
  if (slot < 0 || blocks.tiersOf(slot) === 0) return false;
  if (blocks.namespaceOf(slot) !== record.ordinal || blocks.deployEpochOf(slot) !== deployEpoch) return false;
  const expiresS = blocks.expiresSOf(slot);
  return expiresS === 0 || clock.nowMs() < expiresS * 1000;
}

/** Bit per tier that can be read now. */
export function readableTiers({ guarded }: StoreParts): number {
  return guarded.reduce((bits, guard, tier) => bits | ((guard?.readable ?? tier === RAM) ? 1 << tier : 0), 0);
}
