import { count, observe, type CounterKey } from '@longhaul/platform-otel';
import type { Labels, StoreCounter, StoreGauge, StoreObserver } from '../../core/ports.js';

/** The counters that have a metric of their own; the others are incidents by kind. */
const COUNTERS: Partial<Record<StoreCounter, CounterKey>> = {
  lookups: 'kvLookups',
  hit_blocks: 'kvHitBlocks',
  missed_blocks: 'kvMissedBlocks',
  puts_failed: 'kvRefusedPuts',
  corrupt_blocks: 'kvCorruptBlocks',
};

interface Reading {
  value: number;
  limit: number;
}

/** The store's numbers as metrics. Gauges are read when they are scraped and cost the store one assignment. */
export function meteredStore(): StoreObserver & { close(): void } {
  const readings = new Map<string, Reading>();
  const stops: (() => void)[] = [];
  return {
    counted,
    measured(gauge, value, limit, labels) {
      const key = `${gauge}/${labels.tier ?? ''}/${labels.tenant ?? ''}`;
      const known = readings.get(key);
      if (known) {
        known.value = value;
        known.limit = limit;
        return;
      }
      const reading = { value, limit };
      readings.set(key, reading);
      stops.push(...watchGauge(gauge, reading, labels));
    },
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

function counted(counter: StoreCounter, amount: number, labels: Labels): void {
  const { tier = 'ram', reason = '' } = labels;
  switch (counter) {
    case 'puts_committed':
      count('kvStoredBlocks', amount, { tier });
      return;
    case 'put_bytes':
      count('kvStoredBytes', amount, { tier });
      return;
    case 'written_through':
      count('kvStoredBlocks', 1, { tier });
      count('kvStoredBytes', amount, { tier });
      return;
    case 'get_bytes':
      count('kvLoadedBytes', amount, { tier });
      return;
    case 'evicted_blocks':
      count('kvEvictedBlocks', amount, { tier, cause: reason });
      return;
    default:
      countPlain(counter, amount, labels);
  }
}

function countPlain(counter: StoreCounter, amount: number, labels: Labels): void {
  const known = COUNTERS[counter];
  if (known) count(known, amount, { ...labels });
  else count('kvStoreIncidents', amount, { kind: counter, tier: labels.tier ?? '', reason: labels.reason ?? '' });
}

function watchGauge(gauge: StoreGauge, reading: Reading, labels: Labels): (() => void)[] {
  const tier = labels.tier ?? '';
  const value = () => reading.value;
  const limit = () => reading.limit;
  switch (gauge) {
    case 'tier_bytes':
      return [observe('kvTierBytes', value, { tier }), observe('kvTierLimitBytes', limit, { tier })];
    case 'tier_objects':
      return [observe('kvTierBlocks', value, { tier })];
    case 'leases':
      return [observe('kvLeases', value), observe('kvBoundLimit', limit, { bound: gauge, tier, tenant: '' })];
    default: {
      const attributes = { bound: gauge, tier, tenant: labels.tenant ?? '' };
      const used = observe('kvBoundUsed', value, attributes);
      return Number.isFinite(reading.limit) ? [used, observe('kvBoundLimit', limit, attributes)] : [used];
    }
  }
}
