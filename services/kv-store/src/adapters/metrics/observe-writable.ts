import type { BlockTier } from '@longhaul/kv-core';
import { observe } from '@longhaul/platform-otel';

/** Reads whether the tiers take writes until the returned function is called. */
export function observeWritable(tiers: readonly Pick<BlockTier, 'name' | 'health'>[]): () => void {
  const stops = tiers.map((tier) =>
    observe('kvTierWritable', () => (tier.health.writable ? 1 : 0), { tier: tier.name }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
