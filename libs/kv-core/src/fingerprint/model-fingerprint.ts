import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '@longhaul/kernel';

const DOMAIN = 'kvfp/1\0';

/**
 * Digest of everything that decides KV values: `SHA-256("kvfp/1\0" || JCS(manifest))`, 32 bytes. Two workers may share
 * KV if and only if theirs are equal.
 *
 * The manifest names: the digest of the weights that influence K and V, the weight scheme, merged adapters, layers,
 * heads and dimensions, attention kind and window of every layer, all RoPE parameters, the tokenizer's digest, the
 * class of arithmetic (`bf16-f32acc`), the tokens of a block, and any approximation during prefill. Not tensor or pipeline
 * parallelism, the processor and the level of its kernels (which move low bits), or sampling.
 */
export function modelFingerprint(manifest: JsonValue): Uint8Array {
  return createHash('sha256').update(DOMAIN).update(canonicalJson(manifest)).digest();
}
