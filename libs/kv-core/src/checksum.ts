/**
 * CRC32C (Castagnoli) of `bytes`, continued from `seed` (the CRC of what came before; 0 at the start). The native one
 * of `@longhaul/kv-native` and the table one of this package are interchangeable.
 */
export type Checksum = (bytes: Uint8Array, seed?: number) => number;
