import type { PresetName } from '@longhaul/attention';
import type { AttentionChoice } from '@longhaul/attention';

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
  /** What it may ask for of attention; null: all that the server allows. */
  readonly policies: ReadonlySet<AttentionChoice> | null;
  /** What its requests get that say nothing about attention; null: the server's default. */
  readonly defaultPolicy: PresetName | null;
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
  return { id, models: null, policies: null, defaultPolicy: null, limits: {}, weight: 1 };
}
