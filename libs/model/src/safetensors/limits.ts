/** Bounds on a safetensors file; each is far above what published checkpoints need. */
export const SAFETENSORS_LIMITS = {
  /** One entry takes about 150 bytes, so this holds 200,000 tensors; it bounds the text that is parsed at once. */
  headerBytes: 32 * 1024 * 1024,
  /** The largest mixture-of-experts checkpoints hold about 100,000 tensors over all their shards. */
  tensors: 262_144,
  /** Names are module paths of about 60 characters. */
  nameLength: 512,
  /** Language models store at most rank 3 (fused experts). */
  rank: 8,
  /** A shard is 2 to 10 GB, so this is a checkpoint of terabytes; every shard keeps one file open. */
  shards: 1024,
} as const;
