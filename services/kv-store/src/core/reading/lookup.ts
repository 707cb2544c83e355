import type { PrefixIndex, PrefixLookup, PrefixMatch, TierSpan } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { checkKeys } from '../check-keys.js';
import type { StoreObserver } from '../ports.js';
import type { Counts, LeaseTable, Namespaces, Residence } from '../residence/index.js';
import type { StoreLimits } from '../store-options.js';
import { fastestOf, tierName, type TierSet } from '../tiers/index.js';

export interface LookupParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'require'>;
  readonly leases: Pick<LeaseTable, 'grant'>;
  readonly residence: Pick<Residence, 'isVisible' | 'touch'>;
  readonly tiers: TierSet;
  readonly observer: StoreObserver;
  readonly limits: Pick<StoreLimits, 'maxLookupKeys'>;
  readonly storeEpoch: bigint;
  /** Told of every block that was found. */
  readonly hit: (slot: number) => void;
}

/** The longest run of visible, readable blocks from the first key on, leased in the same turn of the event loop. */
export function lookupPrefix(parts: LookupParts, request: PrefixLookup): PrefixMatch {
  const { blocks, namespaces, leases, residence, limits, tiers } = parts;
  const record = namespaces.require(request.namespace);
  checkKeys(request.keys, limits.maxLookupKeys);
  if (!(request.leaseMs >= 0)) throw invalidArgument('lease_ms', 'lease_ms must be 0 or more.');
  const { deployEpoch } = request.namespace;
  const { readable } = tiers;
  const slots = blocks.longestPrefix(request.keys, (slot) => {
    const wanted = residence.isVisible(slot, record, deployEpoch) && blocks.qualityOf(slot) <= request.minQuality;
    return wanted && (blocks.tiersOf(slot) & readable) !== 0;
  });
  const lease = slots.length > 0 ? leases.grant(record.ordinal, slots, request.leaseMs) : null;
  count(parts.observer, record.counts, { hit: slots.length, missed: request.keys.length - slots.length });
  for (const slot of slots) {
    residence.touch(slot);
    parts.hit(slot);
  }
  return {
    matchedBlocks: slots.length,
    spans: spansOf(parts, slots, readable),
    leaseId: lease?.id ?? new Uint8Array(),
    leaseExpiresUnixMs: lease?.expiresMs ?? 0,
    storeEpoch: parts.storeEpoch,
  };
}

function count(observer: StoreObserver, counts: Counts, { hit, missed }: { hit: number; missed: number }): void {
  counts.lookups += 1;
  counts.hitBlocks += hit;
  counts.missedBlocks += missed;
  observer.counted('lookups', 1, {});
  observer.counted('hit_blocks', hit, {});
  observer.counted('missed_blocks', missed, {});
}

function spansOf({ blocks, tiers }: LookupParts, slots: readonly number[], readable: number): TierSpan[] {
  const spans: { tier: number; first: number; count: number; storedBytes: number }[] = [];
  slots.forEach((slot, i) => {
    const tier = fastestOf(blocks.tiersOf(slot) & readable);
    let span = spans.at(-1);
    if (span?.tier !== tier) spans.push((span = { tier, first: i, count: 0, storedBytes: 0 }));
    span.count += 1;
    span.storedBytes += blocks.bytesOf(slot);
  });
  return spans.map(({ tier, first, count, storedBytes }) => ({
    tier: tierName(tier),
    first,
    count,
    storedBytes,
    estimatedLoadMicros: tiers.loadMicros(tier, storedBytes),
  }));
}
