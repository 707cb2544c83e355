import { AppError } from '@longhaul/kernel';
import type { PolicyName } from '../policy-name.js';

/** Bounds of a tenant. Read and checked; nothing enforces them yet. Absent: none. */
export interface TenantLimits {
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
  readonly concurrentRequests?: number | undefined;
  readonly kvBytes?: number | undefined;
}

/** Who asks: the owner of one or more API keys. */
export interface Tenant {
  /** Names it in keys of KV, in a KV store's quotas and in logs; 1 to 64 characters. */
  readonly id: string;
  /** Served names that it may ask for; null: all. */
  readonly models: ReadonlySet<string> | null;
  /** Null: all. */
  readonly policies: ReadonlySet<PolicyName> | null;
  readonly limits: TenantLimits;
  /** Its share among tenants; read and checked, without effect yet. 1 is normal. */
  readonly weight: number;
}

/** Maps API keys to tenants. */
export interface TenantDirectory {
  /**
   * @param apiKey as it came; empty where none did.
   * @returns null for a key that is nobody's. Takes the same time whatever is wrong with it.
   */
  of(apiKey: string): Tenant | null;
}

/** Everybody of a server that asks for no key. */
export const PUBLIC: Tenant = unlimited('public');

/** A tenant that may do everything. */
export function unlimited(id: string): Tenant {
  return { id, models: null, policies: null, limits: {}, weight: 1 };
}

/** @throws AppError `POLICY_NOT_ALLOWED` naming the policies that the tenant may use. */
export function requirePolicy({ policies }: Tenant, policy: PolicyName): void {
  if (policies === null || policies.has(policy)) return;
  throw new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'POLICY_NOT_ALLOWED',
    message: `This API key may not use the policy ${policy}; it may use ${[...policies].join(', ')}.`,
    field: 'policy',
  });
}
