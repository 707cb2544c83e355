import type { Checksum } from '@longhaul/kv-core';
import { MAX_ENTRIES } from './extent-format.js';
import { tierErrors } from './tier-errors.js';

/**
 * The keys removed from an extent that still holds others, version 1: magic u8[8], version u32, count u32,
 * key u8[32] each, crc32c u32 over everything before it. Little-endian. Replaced as a whole.
 */
const MAGIC = Uint8Array.of(0x4b, 0x56, 0x58, 0x54, 0x0d, 0x0a, 0x1a, 0x00);
const VERSION = 1;
const HEAD_BYTES = 16;
const KEY_BYTES = 32;

/** Largest list that can be valid. */
export const MAX_REMOVAL_LIST_BYTES = HEAD_BYTES + MAX_ENTRIES * KEY_BYTES + 4;

export function encodeRemovals(keys: readonly Uint8Array[], checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + keys.length * KEY_BYTES + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, keys.length, true);
  keys.forEach((key, i) => bytes.set(key, HEAD_BYTES + i * KEY_BYTES));
  view.setUint32(bytes.length - 4, checksum(bytes.subarray(0, bytes.length - 4)), true);
  return bytes;
}

/** @throws AppError `KV_CORRUPT` unless the list is whole and of this version. */
export function decodeRemovals(bytes: Uint8Array, checksum: Checksum): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole =
    bytes.length >= HEAD_BYTES + 4 &&
    MAGIC.every((byte, i) => bytes[i] === byte) &&
    view.getUint32(8, true) === VERSION &&
    bytes.length === HEAD_BYTES + view.getUint32(12, true) * KEY_BYTES + 4 &&
    view.getUint32(bytes.length - 4, true) === checksum(bytes.subarray(0, bytes.length - 4));
  if (!whole) throw tierErrors.corrupt('A list of removed objects is damaged.');
  const keys: Uint8Array[] = [];
  for (let i = 0; i < view.getUint32(12, true); i++) {
    keys.push(bytes.slice(HEAD_BYTES + i * KEY_BYTES, HEAD_BYTES + (i + 1) * KEY_BYTES));
  }
  return keys;
}
