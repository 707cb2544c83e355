import type { inferenceV1 } from '@longhaul/contracts';
import type { AttentionUsage, AuditUsage } from '@longhaul/inference';
import { protocolError } from './protocol-error.js';
import { fromQuality, toQuality } from './quality.js';

/** What attention did, as a message of either API; null is unset. */
export function toAttentionUsage(usage: AttentionUsage | null): inferenceV1.AttentionUsage | undefined {
  if (usage === null) return undefined;
  const { policy, quality, density, kvReadBytes, audit, fallbacks } = usage;
  return {
    ...{ policy, fallbacks },
    kvBytesRead: kvReadBytes === null ? undefined : BigInt(Math.trunc(kvReadBytes)),
    quality: toQuality(quality),
    prefillDensity: density.prefill,
    decodeDensity: density.decode,
    audit: audit === null ? undefined : { ...audit, recall: audit.recall ?? undefined, kl: audit.kl ?? undefined },
  };
}

/** The inverse. */
export function fromAttentionUsage(message: inferenceV1.AttentionUsage | undefined): AttentionUsage | null {
  if (message === undefined) return null;
  const { policy, prefillDensity, decodeDensity, audit, fallbacks } = message;
  const kvReadBytes = message.kvBytesRead === undefined ? null : Number(message.kvBytesRead);
  const quality = fromQuality('quality', message.quality);
  if (quality === null) throw protocolError('an answer of no class');
  const density = { prefill: prefillDensity, decode: decodeDensity };
  const audited = audit === undefined ? null : auditOf(audit);
  return { policy, quality, density, kvReadBytes, audit: audited, fallbacks };
}

function auditOf({ samples, recall, klSamples, kl, breaches }: inferenceV1.AuditUsage): AuditUsage {
  return { samples, recall: recall ?? null, klSamples, kl: kl ?? null, breaches };
}
