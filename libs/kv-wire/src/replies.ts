import type { kvstoreV1 } from '@longhaul/contracts';
import type { EvictOutcome, HandshakeReply, PrefixMatch, StoreStat } from '@longhaul/kv-core';
import { asBuffer, asCount, asNumber } from './bytes.js';
import { fromTier, toTier } from './enums.js';

export function toHandshakeResponse(reply: HandshakeReply): kvstoreV1.HandshakeResponse {
  return { ...reply, maxFrameBytes: asCount(reply.maxFrameBytes) };
}

export function fromHandshakeResponse(message: kvstoreV1.HandshakeResponse): HandshakeReply {
  return { ...message, maxFrameBytes: asNumber('max_frame_bytes', message.maxFrameBytes) };
}

export function toMatch(match: PrefixMatch): kvstoreV1.LookupPrefixResponse {
  const { matchedBlocks, storeEpoch } = match;
  const spans = match.spans.map(({ tier, first, count, storedBytes, estimatedLoadMicros }) => ({
    tier: toTier(tier),
    first,
    count,
    storedBytes: asCount(storedBytes),
    estimatedLoadMicros: asCount(estimatedLoadMicros),
  }));
  const leaseExpiresUnixMs = asCount(match.leaseExpiresUnixMs);
  return { matchedBlocks, spans, leaseId: asBuffer(match.leaseId), leaseExpiresUnixMs, storeEpoch };
}

export function fromMatch(message: kvstoreV1.LookupPrefixResponse): PrefixMatch {
  const { matchedBlocks, leaseId, storeEpoch } = message;
  const spans = message.spans.map(({ tier, first, count, storedBytes, estimatedLoadMicros }) => ({
    tier: fromTier(tier),
    first,
    count,
    storedBytes: asNumber('stored_bytes', storedBytes),
    estimatedLoadMicros: asNumber('estimated_load_micros', estimatedLoadMicros),
  }));
  const leaseExpiresUnixMs = asNumber('lease_expires_unix_ms', message.leaseExpiresUnixMs);
  return { matchedBlocks, spans, leaseId, leaseExpiresUnixMs, storeEpoch };
}

export function toEvictResponse({ evicted, leasedSkipped }: EvictOutcome): kvstoreV1.EvictResponse {
  return { evicted: asCount(evicted), leasedSkipped: asCount(leasedSkipped) };
}

export function fromEvictResponse({ evicted, leasedSkipped }: kvstoreV1.EvictResponse): EvictOutcome {
  return { evicted: asNumber('evicted', evicted), leasedSkipped: asNumber('leased_skipped', leasedSkipped) };
}

export function toStat(stat: StoreStat): kvstoreV1.StatResponse {
  return {
    tiers: stat.tiers.map(({ tier, objects, bytes, limitBytes }) => ({
      tier: toTier(tier),
      objects: asCount(objects),
      bytes: asCount(bytes),
      limitBytes: asCount(limitBytes),
    })),
    leases: stat.leases,
    lookups: asCount(stat.lookups),
    hitBlocks: asCount(stat.hitBlocks),
    missedBlocks: asCount(stat.missedBlocks),
    corruptBlocks: asCount(stat.corruptBlocks),
  };
}

export function fromStat(message: kvstoreV1.StatResponse): StoreStat {
  return {
    tiers: message.tiers.map(({ tier, objects, bytes, limitBytes }) => ({
      tier: fromTier(tier),
      objects: asNumber('objects', objects),
      bytes: asNumber('bytes', bytes),
      limitBytes: asNumber('limit_bytes', limitBytes),
    })),
    leases: message.leases,
    lookups: asNumber('lookups', message.lookups),
    hitBlocks: asNumber('hit_blocks', message.hitBlocks),
    missedBlocks: asNumber('missed_blocks', message.missedBlocks),
    corruptBlocks: asNumber('corrupt_blocks', message.corruptBlocks),
  };
}
