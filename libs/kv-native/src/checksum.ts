import { nativeAddon } from './native-addon.js';

/** Above this the CRC is worth a trip to another thread: about 0.1 ms of work. */
const OFF_THREAD_BYTES = 1 << 20;

/**
 * CRC32C (Castagnoli) of `bytes`, continued from `seed`, the CRC of what came before (0 at the start). By the
 * processor's CRC instructions where it has them. Throws AppError KV_NATIVE_NOT_BUILT.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return nativeAddon().crc32c(bytes, seed);
}

/** `crc32c`, off the JavaScript thread for large input. The bytes must not change until it settles. */
export async function crc32cAsync(bytes: Uint8Array, seed = 0): Promise<number> {
  if (bytes.length < OFF_THREAD_BYTES) return crc32c(bytes, seed);
  return nativeAddon().crc32cAsync(bytes, seed);
}

/** `crc32c` by tables: the reference that every kernel is held against. */
export function crc32cReference(bytes: Uint8Array, seed = 0): number {
  return nativeAddon().crc32cTable(bytes, seed);
}

/** The CRC32C of A followed by B, from the CRCs of both and the length of B in bytes. O(log lengthB). */
export function crc32cCombine(a: number, b: number, lengthB: number): number {
  return nativeAddon().crc32cCombine(a, b, lengthB);
}

/** Which kernel this processor runs. */
export function crc32cKernel(): 'sse42' | 'arm64' | 'table' {
  return nativeAddon().crc32cKernel();
}
