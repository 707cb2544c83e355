import { createHash } from 'node:crypto';

/** A tenant's secret as it is written in configurations: bytes in hexadecimal, 16 or more; other text is hashed to 32. */
export function parseTenantSecret(text: string): Uint8Array {
  if (/^([0-9a-f]{2}){16,}$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  return createHash('sha256').update(text, 'utf8').digest();
}
