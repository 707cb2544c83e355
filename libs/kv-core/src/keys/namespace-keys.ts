import { createHmac } from 'node:crypto';
import { lengthPrefixed } from '../bytes.js';
import { kvErrors } from '../errors.js';
import { ascii, checkBytes } from './key-bytes.js';

/** Shortest tenant secret that is taken: below this it could be guessed. */
export const MIN_TENANT_SECRET_BYTES = 16;

/** Bytes of the namespace's name that a block carries. */
export const TENANT_TAG_BYTES = 16;

const NAMESPACE_DOMAIN = ascii('kvns/1\0');
const NAME_DOMAIN = ascii('kvnsid/1');
const MAC_DOMAIN = ascii('mac/1');
const utf8 = new TextEncoder();

/**
 * The secret of one tenant's salted space: `HMAC-SHA256(secret, "kvns/1\0" || lp(tenant) || lp(salt))`. Held by workers
 * only; stores and routers see `namespaceId` of it.
 *
 * @param tenantSecret at least 16 bytes.
 * @param cacheSalt empty for the tenant's common space.
 * @returns 32 bytes.
 */
export function deriveNamespaceKey(tenantSecret: Uint8Array, tenantId: string, cacheSalt: string): Uint8Array {
  if (tenantSecret.length < MIN_TENANT_SECRET_BYTES) {
    throw kvErrors.argument('tenantSecret', `tenantSecret needs at least ${MIN_TENANT_SECRET_BYTES} bytes.`);
  }
  return createHmac('sha256', tenantSecret)
    .update(NAMESPACE_DOMAIN)
    .update(lengthPrefixed(utf8.encode(tenantId)))
    .update(lengthPrefixed(utf8.encode(cacheSalt)))
    .digest();
}

/** The name of a namespace that stores and routers may know: 32 bytes that reveal nothing of the key. */
export function namespaceId(namespaceKey: Uint8Array): Uint8Array {
  checkBytes('namespaceKey', namespaceKey);
  return createHmac('sha256', namespaceKey).update(NAME_DOMAIN).digest();
}

/** What a block's header says of its namespace: the first 16 bytes of the name. */
export function tenantTag(id: Uint8Array): Uint8Array {
  checkBytes('namespaceId', id);
  return id.subarray(0, TENANT_TAG_BYTES);
}

/** The key that workers sign block heads with, 32 bytes. */
export function macKey(namespaceKey: Uint8Array): Uint8Array {
  checkBytes('namespaceKey', namespaceKey);
  return createHmac('sha256', namespaceKey).update(MAC_DOMAIN).digest();
}
