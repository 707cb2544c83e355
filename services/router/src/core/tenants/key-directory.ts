import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { PUBLIC, type Tenant, type TenantDirectory } from './tenant.js';

/** SHA-256 of one API key, 32 bytes, and whose it is. */
export interface KeyOwner {
  readonly digest: Uint8Array;
  readonly tenant: Tenant;
}

/** A server that asks for no key. */
export const openDirectory: TenantDirectory = { of: () => PUBLIC };

/**
 * A directory by the SHA-256 of each key. What is looked up is a keyed hash of that, so the time of a look-up tells
 * nothing of the digests that are there; what is found is compared in constant time.
 *
 * @param blindingKey random, made for this process.
 */
export function keyDirectory(owners: readonly KeyOwner[], blindingKey: Uint8Array): TenantDirectory {
  const nameOf = (digest: Uint8Array): string => createHmac('sha256', blindingKey).update(digest).digest('hex');
  const known = new Map(owners.map((owner) => [nameOf(owner.digest), owner]));
  return {
    of(apiKey) {
      const digest = keyDigest(apiKey);
      const owner = known.get(nameOf(digest));
      const isSame = timingSafeEqual(digest, owner?.digest ?? NOBODY);
      return isSame && owner !== undefined ? owner.tenant : null;
    },
  };
}

/** SHA-256 of an API key in UTF-8, 32 bytes. */
export function keyDigest(apiKey: string): Uint8Array {
  return createHash('sha256').update(apiKey).digest();
}

const NOBODY = new Uint8Array(32);
