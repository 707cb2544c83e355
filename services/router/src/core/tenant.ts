import { createHash } from 'node:crypto';

const TENANT_CHARACTERS = 16;

/** The namespace of the prefix cache for all who have the key: a digest of it, or `public` where no key is asked for. */
export function tenantOf(key: string | undefined): string {
  if (key === undefined) return 'public';
  return createHash('sha256').update(key).digest('hex').slice(0, TENANT_CHARACTERS);
}
