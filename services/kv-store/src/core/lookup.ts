import { KEY_BYTES, type PrefixLookup, type PrefixMatch, type TierSpan } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { fastestOf, tierName } from './residence.js';
import { isVisible, readableTiers, type StoreParts } from './store-parts.js';
import type { WriteThrough } from './write-through.js';

/** Memory's speed, bytes a microsecond: what checking the sums costs at least. */
const RAM_SPEED = 8000;

/** The longest run of visible, readable blocks from the first key on, leased in the same turn of the event loop. */
export function lookupPrefix(
  parts: StoreParts,
  writeThrough: WriteThrough,
  { request, storeEpoch }: { request: PrefixLookup; storeEpoch: bigint },
): PrefixMatch {
  const { blocks, namespaces, leases, observer, residence, limits } = parts;
  const record = namespaces.require(request.namespace);
  checkKeys(request.keys, limits.maxLookupKeys);
  if (!(request.leaseMs >= 0)) throw invalidArgument('lease_ms', 'lease_ms must be 0 or more.');
  const { deployEpoch } = request.namespace;
  const readable = readableTiers(parts);
  const slots = blocks.longestPrefix(request.keys, (slot) => {
    const wanted = isVisible(parts, slot, record, deployEpoch) && blocks.qualityOf(slot) <= request.minQuality;
    return wanted && (blocks.tiersOf(slot) & readable) !== 0;
  });
  const lease = slots.length > 0 ? leases.grant(record.ordinal, slots, request.leaseMs) : null;
  const missed = request.keys.length - slots.length;
  record.counts.lookups += 1;
  record.counts.hitBlocks += slots.length;
  record.counts.missedBlocks += missed;
  observer.counted('lookups', 1, {});
  observer.counted('hit_blocks', slots.length, {});
  observer.counted('missed_blocks', missed, {});
  for (const slot of slots) {
    residence.touch(slot);
    void writeThrough.offer(slot, true);
  }
  return {
    matchedBlocks: slots.length,
    spans: spansOf(parts, slots, readable),
    leaseId: lease?.id ?? new Uint8Array(),
    leaseExpiresUnixMs: lease?.expiresMs ?? 0,
    storeEpoch,
  };
}

/** @throws AppError `INVALID_ARGUMENT` naming the limit. */
export function checkKeys(keys: readonly Uint8Array[], maxKeys: number): void {
  if (keys.length < 1 || keys.length > maxKeys) {
    throw invalidArgument('keys', `keys has ${keys.length} entries; it needs 1 to ${maxKeys}.`, { maxKeys });
  }
  if (keys.some((key) => key.length !== KEY_BYTES)) throw invalidArgument('keys', `A key has ${KEY_BYTES} bytes.`);
}

function spansOf(parts: StoreParts, slots: readonly number[], readable: number): TierSpan[] {
  const { blocks, guarded } = parts;
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
    estimatedLoadMicros: guarded[tier]?.loadMicros(storedBytes) ?? Math.ceil(storedBytes / RAM_SPEED),
  }));
}
