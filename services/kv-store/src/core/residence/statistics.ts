import type { StoreStat, TierStat } from '@longhaul/kv-core';
import { tierName, type TierSet } from '../tiers/index.js';
import type { LeaseTable } from './lease-table.js';
import { type Counts, type NamespaceRecord, type Namespaces, tenantLimit, type Usage } from './namespaces.js';

export interface StatisticsParts {
  readonly namespaces: Pick<Namespaces, 'all'>;
  readonly leases: Pick<LeaseTable, 'count' | 'countOf' | 'sweep'>;
  /** Of the whole store. */
  readonly residence: Usage;
  readonly tiers: TierSet;
}

/** Of one namespace (the limits are its tenant's), or of the store. */
export function statOf({ leases, namespaces, residence, tiers }: StatisticsParts, record: NamespaceRecord | null) {
  const sum = (of: (counts: Counts) => number) =>
    (record ? [record] : namespaces.all()).reduce((total, { counts }) => total + of(counts), 0);
  leases.sweep(true);
  const stat: StoreStat = {
    tiers: tierStats(tiers, record ?? residence, record),
    leases: record ? leases.countOf(record.ordinal) : leases.count,
    lookups: sum((c) => c.lookups),
    hitBlocks: sum((c) => c.hitBlocks),
    missedBlocks: sum((c) => c.missedBlocks),
    corruptBlocks: sum((c) => c.corruptBlocks),
  };
  return stat;
}

function tierStats(tiers: TierSet, usage: Usage, record: NamespaceRecord | null): TierStat[] {
  const stats: TierStat[] = [];
  for (let tier = 0; tier < tiers.count; tier++) {
    if (!tiers.has(tier)) continue;
    const limit = tiers.limitBytes(tier);
    stats.push({
      tier: tierName(tier),
      objects: usage.objects[tier] ?? 0,
      bytes: usage.bytes[tier] ?? 0,
      limitBytes: record ? Math.min(limit, tenantLimit(record.tenant, tier)) : limit,
    });
  }
  return stats;
}
