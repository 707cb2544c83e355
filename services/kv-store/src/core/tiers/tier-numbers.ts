import { type Tier, TIERS } from '@longhaul/kv-core';

/** Tiers are numbered from the fastest on; memory is first. */
export const RAM = 0;

export function tierName(tier: number): Tier {
  return TIERS[tier] ?? 'object';
}

/** The fastest of some tiers (a bit each), or -1. */
export function fastestOf(tiers: number): number {
  return 31 - Math.clz32(tiers & -tiers);
}

/** The slowest of some tiers (a bit each), the one that keeps longest; -1 for none. */
export function safestOf(tiers: number): number {
  return 31 - Math.clz32(tiers);
}
