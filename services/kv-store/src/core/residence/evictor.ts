import { NO_BLOCK, type PrefixIndex } from '@longhaul/kv-core';
import type { StoreObserver } from '../ports.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { RAM, tierName, type TierSet } from '../tiers/index.js';
import type { LeaseTable } from './lease-table.js';
import { type NamespaceRecord, type Namespaces, type Tenant, tenantLimit } from './namespaces.js';
import type { Pins } from './pins.js';
import type { Residence } from './residence.js';

export interface EvictorParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Namespaces;
  readonly leases: Pick<LeaseTable, 'sweep'>;
  readonly pins: Pick<Pins, 'isHard' | 'isSoft'>;
  readonly residence: Pick<Residence, 'bytes' | 'policies' | 'unpublish'>;
  readonly tiers: TierSet;
  readonly limits: Pick<StoreLimits, 'evictStart' | 'evictShare'>;
  readonly observer: StoreObserver;
}

/** Keeps tiers and tenants within their bytes: leaves first, cheapest to lose first, never what is leased or held. */
export class Evictor {
  readonly #parts: EvictorParts;
  /** Memory promised to objects that are being written or promoted. */
  #reserved = 0;

  constructor(parts: EvictorParts) {
    this.#parts = parts;
  }

  /**
   * Promises memory for an object, evicting for it. Give it back with `releaseMemory`.
   *
   * @throws AppError `KV_QUOTA_EXCEEDED` when what the tenant, or the store, may let go is not enough.
   */
  reserveMemory(bytes: number, { tenant }: NamespaceRecord): void {
    this.#parts.leases.sweep();
    const limit = this.#parts.tiers.ram.limitBytes;
    if (bytes > limit) {
      throw storeErrors.quota(`The object has ${bytes} bytes; memory holds ${limit}.`, { tier: 'ram', limit });
    }
    void this.#fitTenant(RAM, bytes, tenant);
    void this.#fitTier(RAM, bytes, limit);
    if (this.#memoryInUse() + bytes > limit) {
      throw storeErrors.quota(`Memory holds its ${limit} bytes and none of them may go now.`, { tier: 'ram', limit });
    }
    this.#reserved += bytes;
    tenant.reservedBytes += bytes;
  }

  releaseMemory(bytes: number, { tenant }: NamespaceRecord): void {
    this.#reserved -= bytes;
    tenant.reservedBytes -= bytes;
  }

  /**
   * Makes room in a lower tier and waits until the bytes are gone.
   *
   * @throws AppError `KV_QUOTA_EXCEEDED`.
   */
  async makeRoom(tier: number, bytes: number, { tenant }: NamespaceRecord): Promise<void> {
    this.#parts.leases.sweep();
    const limit = this.#parts.tiers.limitBytes(tier);
    const gone = [...this.#fitTenant(tier, bytes, tenant), ...this.#fitTier(tier, bytes, limit)];
    await Promise.all(gone);
    if ((this.#parts.residence.bytes[tier] ?? 0) + bytes > limit) {
      throw storeErrors.quota(`The ${tierName(tier)} tier holds its ${limit} bytes.`, { tier: tierName(tier), limit });
    }
  }

  /** Frees the share that a round of eviction frees, and at least `bytes`: the tier said that it is full. */
  async freeShare(tier: number, bytes: number): Promise<void> {
    const limit = this.#parts.tiers.limitBytes(tier);
    const used = this.#parts.residence.bytes[tier] ?? 0;
    const target = used - Math.max(bytes, this.#parts.limits.evictShare * limit);
    await Promise.all(this.#evictUntil(tier, () => (this.#parts.residence.bytes[tier] ?? 0) <= target));
  }

  /** Lets go of one block altogether so that the index has a place again; false when none may go. */
  freeSlot(): boolean {
    this.#parts.leases.sweep(true);
    for (let tier = this.#parts.tiers.count - 1; tier >= 0; tier--) {
      const victim = this.#victim(tier, null);
      if (victim < 0) continue;
      void this.dropAll(victim, 'index_full');
      return true;
    }
    return false;
  }

  /** Takes one copy away and counts it. */
  drop(slot: number, tier: number, reason: string): Promise<void> {
    if (!this.#parts.blocks.inTier(slot, tier)) return Promise.resolve();
    this.#parts.observer.counted('evicted_blocks', 1, { tier: tierName(tier), reason });
    return this.#parts.residence.unpublish(slot, tier);
  }

  /** Takes every copy of a block away. @returns when their bytes are gone. */
  async dropAll(slot: number, reason: string): Promise<void> {
    const { count } = this.#parts.tiers;
    await Promise.all(Array.from({ length: count }, (_, tier) => this.drop(slot, tier, reason)));
  }

  #memoryInUse(): number {
    return this.#parts.tiers.ram.usedBytes + this.#reserved;
  }

  #fitTenant(tier: number, bytes: number, tenant: Tenant): Promise<void>[] {
    const limit = tenantLimit(tenant, tier);
    const used = () => (tenant.bytes[tier] ?? 0) + (tier === RAM ? tenant.reservedBytes : 0);
    const gone = used() + bytes <= limit ? [] : this.#evictUntil(tier, () => used() + bytes <= limit, tenant);
    if (used() + bytes <= limit) return gone;
    throw storeErrors.quota(`The tenant may have ${limit} bytes in the ${tierName(tier)} tier and uses ${used()}.`, {
      tier: tierName(tier),
      limit,
      usedBytes: used(),
    });
  }

  #fitTier(tier: number, bytes: number, limit: number): Promise<void>[] {
    const { residence, limits } = this.#parts;
    const used = () => (tier === RAM ? this.#memoryInUse() : (residence.bytes[tier] ?? 0));
    if (used() + bytes <= limits.evictStart * limit) return [];
    const target = Math.max((limits.evictStart - limits.evictShare) * limit, bytes);
    return this.#evictUntil(tier, () => used() + bytes <= target);
  }

  #evictUntil(tier: number, enough: () => boolean, tenant: Tenant | null = null): Promise<void>[] {
    const gone: Promise<void>[] = [];
    while (!enough()) {
      const victim = this.#victim(tier, tenant);
      if (victim < 0) break;
      gone.push(this.drop(victim, tier, tenant ? 'tenant_quota' : 'tier_bytes'));
    }
    return enough() ? gone : [...gone, ...this.#demoteUntil(tier, enough, tenant)];
  }

  /**
   * When no leaf may go: blocks within chains whose chain stays whole, as a lower tier has them too. Happens when a
   * chain is longer than the tier and its leaf is still on its way down. One pass over the index.
   */
  #demoteUntil(tier: number, enough: () => boolean, tenant: Tenant | null): Promise<void>[] {
    const { blocks, tiers } = this.#parts;
    const gone: Promise<void>[] = [];
    const lower = tiers.readable & (-1 << (tier + 1));
    const below = (slot: number) => (blocks.tiersOf(slot) & lower) !== 0;
    for (let slot = blocks.handleLimit - 1; slot >= 0 && !enough(); slot--) {
      if (!blocks.inTier(slot, tier) || !below(slot) || !this.#mayGo(slot, tenant)) continue;
      gone.push(this.drop(slot, tier, 'demoted'));
    }
    return gone;
  }

  #mayGo(slot: number, tenant: Tenant | null): boolean {
    const { blocks, pins, namespaces } = this.#parts;
    const free = blocks.leasesOf(slot) === 0 && blocks.holdsOf(slot) === 0 && !pins.isHard(slot);
    return free && (!tenant || namespaces.record(blocks.namespaceOf(slot)).tenant === tenant);
  }

  /** Softly pinned blocks only when there is nothing else. */
  #victim(tier: number, tenant: Tenant | null): number {
    const { pins, residence } = this.#parts;
    const free = (slot: number) => this.#mayGo(slot, tenant);
    const policy = residence.policies[tier];
    if (!policy) return NO_BLOCK;
    const victim = policy.victim((slot) => free(slot) && !pins.isSoft(slot));
    return victim === NO_BLOCK ? policy.victim(free) : victim;
  }
}
