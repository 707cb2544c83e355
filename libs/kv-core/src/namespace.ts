/** Whose KV a block is: one model, one tenant's salted space, one rollout. Blocks of different namespaces never meet. */
export interface Namespace {
  /** SHA-256 of everything that decides KV values, 32 bytes. */
  readonly modelFingerprint: Uint8Array;
  /** HMAC-derived name of the tenant's salted space, 32 bytes; the only form of it that stores and routers see. */
  readonly id: Uint8Array;
  /** For quotas, logs and metrics. Never part of a key by itself. */
  readonly tenant: string;
  /** Raised to invalidate everything stored by earlier rollouts. */
  readonly deployEpoch: number;
}
