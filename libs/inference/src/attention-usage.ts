import type { QualityName } from './kv-identity.js';

/** What attention did for a request, over all its choices. */
export interface AttentionUsage {
  /** As the caller called it: of a preset its name, else the policy's own or `custom`. */
  policy: string;
  /** The worst class that something of the answer has, of policy and KV type. */
  quality: QualityName;
  /**
   * Share of the KV that queries could see and did look at, in pairs of query and page over all layers and KV heads; 0 to 1.
   * 1 where nothing was left out, and where no row was computed in the phase.
   */
  density: { prefill: number; decode: number };
  /** Bytes of KV that queries looked at; null where the engine does not count them, as for dense requests. */
  kvReadBytes: number | null;
  /** Null where nothing was sampled. */
  audit: AuditUsage | null;
  /** How often choices went on under a denser policy because theirs kept too little: each at most twice, at last densely. */
  fallbacks: number;
}

/** What the comparison with dense attention found. */
export interface AuditUsage {
  samples: number;
  /** Mean share of dense attention's mass on the keys that were looked at, 0 to 1; null without samples. */
  recall: number | null;
  /** Generated tokens whose whole step was also computed densely. */
  klSamples: number;
  /** Mean divergence of their next tokens from dense attention's, KL(dense || policy) in nats; null without any. */
  kl: number | null;
  /** Generated tokens of which a sample lies beyond the policy's bound; tokens of one step count as one. */
  breaches: number;
}
