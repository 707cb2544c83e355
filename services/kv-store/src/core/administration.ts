import type {
  BlockEvent,
  BlockEventBatch,
  EvictOutcome,
  EvictRequest,
  PinRequest,
  StoreStat,
  TierStat,
} from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { BATCH_EVENTS } from './event-log.js';
import { checkKeys } from './lookup.js';
import { type Counts, type NamespaceRecord, tenantLimit } from './namespaces.js';
import { RAM, tierName } from './residence.js';
import { storeErrors } from './store-errors.js';
import { isVisible, type StoreParts } from './store-parts.js';

const MAX_PIN_S = 86_400;

/** Pins all blocks or none. @throws AppError `KV_NOT_FOUND`, `KV_QUOTA_EXCEEDED`, `INVALID_ARGUMENT` for `ttl_s`. */
export function pinBlocks(parts: StoreParts, { namespace, keys, ttlSeconds, hard }: PinRequest): void {
  const record = parts.namespaces.require(namespace);
  checkKeys(keys, parts.limits.maxLookupKeys);
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_PIN_S) {
    throw invalidArgument('ttl_s', `ttl_s must be a whole number from 1 to ${MAX_PIN_S}.`, { maxTtlS: MAX_PIN_S });
  }
  const slots = keys.map((key) => parts.blocks.find(key));
  const missing = slots.findIndex((slot) => !isVisible(parts, slot, record, namespace.deployEpoch));
  if (missing >= 0) throw storeErrors.notFound(`keys[${missing}] is not stored; nothing was pinned.`, { missing });
  parts.pins.pin(new Set(slots), hard, parts.clock.nowMs() + ttlSeconds * 1000);
}

/**
 * Takes blocks out of every tier. Leased blocks stay and are counted, and so are blocks pinned hard, except where
 * their rollout is over: leases and pins of an old epoch are void.
 *
 * @returns when the bytes are gone.
 */
export async function evictBlocks(
  parts: StoreParts,
  record: NamespaceRecord,
  { what, namespace }: EvictRequest,
): Promise<EvictOutcome> {
  const { blocks, evictor, events, guarded, leases, pins } = parts;
  leases.sweep(true);
  const gone: Promise<void>[] = [];
  let evicted = 0;
  let leasedSkipped = 0;
  for (const slot of selected(parts, record, what)) {
    const over = blocks.deployEpochOf(slot) < namespace.deployEpoch;
    if (!over && (blocks.leasesOf(slot) > 0 || pins.isHard(slot))) {
      leasedSkipped += 1;
      continue;
    }
    for (let tier = 0; tier < guarded.length; tier++) gone.push(evictor.drop(slot, tier, what.kind));
    evicted += 1;
  }
  if (what.kind === 'namespace' && leasedSkipped === 0 && record.id) {
    events.append({ kind: 'cleared', namespaceId: record.id });
  }
  await Promise.all(gone);
  return { evicted, leasedSkipped };
}

function selected(parts: StoreParts, record: NamespaceRecord, what: EvictRequest['what']): Set<number> {
  const { blocks, namespaces, limits } = parts;
  const sharing = namespaces.sharing(record);
  const mine = (slot: number) => blocks.tiersOf(slot) !== 0 && sharing.has(blocks.namespaceOf(slot));
  const slots = new Set<number>();
  if (what.kind === 'keys') {
    checkKeys(what.keys, limits.maxLookupKeys);
    for (const key of what.keys) {
      const slot = blocks.find(key);
      if (slot >= 0 && mine(slot)) slots.add(slot);
    }
    return slots;
  }
  for (let slot = 0; slot < blocks.handleLimit; slot++) {
    if (!mine(slot)) continue;
    if (what.kind === 'namespace' || blocks.deployEpochOf(slot) < what.epoch) slots.add(slot);
  }
  return slots;
}

/**
 * Every visible copy as stored events. All carry the number of the last event at the start; the last batch's
 * `firstSequence` is where to watch from: what happens meanwhile is told again there.
 */
export function* snapshotBatches(
  { blocks, events, residence, guarded }: StoreParts,
  record: NamespaceRecord,
  deployEpoch: number,
): Generator<BlockEventBatch> {
  const from = events.nextSequence;
  let batch: BlockEvent[] = [];
  for (let slot = 0; slot < blocks.handleLimit; slot++) {
    if (blocks.namespaceOf(slot) !== record.ordinal || blocks.deployEpochOf(slot) !== deployEpoch || !record.id)
      continue;
    for (let tier = 0; tier < guarded.length; tier++) {
      if (!blocks.inTier(slot, tier)) continue;
      const keys = [blocks.keyOf(slot)];
      const about = { namespaceId: record.id, keys, ...residence.describe(slot), tier: tierName(tier) };
      batch.push({ kind: 'stored', sequence: from - 1n, ...about });
    }
    if (batch.length < BATCH_EVENTS) continue;
    yield events.batch(batch, { firstSequence: from, snapshot: true });
    batch = [];
  }
  yield events.batch(batch, { firstSequence: from, snapshot: true, snapshotEnd: true });
}

/** Of one namespace (the limits are its tenant's), or of the store. */
export function statOf(parts: StoreParts, record: NamespaceRecord | null): StoreStat {
  const { guarded, leases, namespaces, ram, residence } = parts;
  const usage = record ?? residence;
  const tiers: TierStat[] = [];
  for (let tier = 0; tier < guarded.length; tier++) {
    const limit = tier === RAM ? ram.limitBytes : guarded[tier]?.tier.limitBytes;
    if (limit === undefined) continue;
    tiers.push({
      tier: tierName(tier),
      objects: usage.objects[tier] ?? 0,
      bytes: usage.bytes[tier] ?? 0,
      limitBytes: record ? Math.min(limit, tenantLimit(record.tenant, tier)) : limit,
    });
  }
  const sum = (of: (counts: Counts) => number) =>
    (record ? [record] : namespaces.all()).reduce((total, { counts }) => total + of(counts), 0);
  leases.sweep(true);
  return {
    tiers,
    leases: record ? leases.countOf(record.ordinal) : leases.count,
    lookups: sum((c) => c.lookups),
    hitBlocks: sum((c) => c.hitBlocks),
    missedBlocks: sum((c) => c.missedBlocks),
    corruptBlocks: sum((c) => c.corruptBlocks),
  };
}
