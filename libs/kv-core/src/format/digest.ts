import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { DIGEST_BYTES } from './constants.js';

/** First 16 bytes of SHA-256. */
export function sectionDigest(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, DIGEST_BYTES);
}

/** HMAC-SHA256 over header and section table; the digests in the table extend it to the payload. */
export function headMac(key: Uint8Array, signedBytes: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(signedBytes).digest();
}

/** Whether two MACs are equal, in a time that does not tell where they differ. */
export function sameMac(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
