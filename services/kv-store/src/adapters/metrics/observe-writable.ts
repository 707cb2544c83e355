import { declareSeries, observe } from '@longhaul/platform-otel';
import type { TierState } from '../../core/tiers/index.js';

/**
 * Shows every metric of the store from the start, and reads whether the tiers take writes until the returned function
 * is called.
 */
export function observeWritable(tiers: readonly TierState[]): () => void {
  for (const tier of ['ram', ...tiers.map(({ name }) => name)]) declareSeries('store', { tier });
  const stops = tiers.map((tier) =>
    observe('kvTierWritable', () => (tier.health.writable ? 1 : 0), { tier: tier.name }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
