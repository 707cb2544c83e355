import { keyName, type PrefixIndex } from '@longhaul/kv-core';
import type { RandomBytes, StoreClock, StoreObserver } from '../ports.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';

const LEASE_ID_BYTES = 16;

export interface Lease {
  readonly id: Uint8Array;
  readonly namespace: number;
  readonly slots: Uint32Array;
  /** How far an extension reaches. */
  lengthMs: number;
  expiresMs: number;
  /** No extension goes beyond. */
  readonly endMs: number;
}

export interface LeaseTableParts {
  readonly blocks: PrefixIndex;
  readonly clock: StoreClock;
  readonly random: RandomBytes;
  readonly limits: Pick<StoreLimits, 'defaultLeaseMs' | 'maxLeaseLifeMs' | 'maxLeaseMs' | 'maxLeases'>;
  readonly observer: StoreObserver;
}

/** Promises to keep blocks until a time. An expired lease keeps nothing and cannot be renewed. */
export class LeaseTable {
  readonly #parts: LeaseTableParts;
  readonly #leases = new Map<string, Lease>();
  #sweptMs = -Infinity;

  constructor(parts: LeaseTableParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#leases.size;
  }

  countOf(namespace: number): number {
    let count = 0;
    for (const lease of this.#leases.values()) if (lease.namespace === namespace) count += 1;
    return count;
  }

  /**
   * @param blocks each once.
   * @param leaseMs 0 takes the default; longer than the limit is cut to it, as the answer says.
   */
  grant(namespace: number, blocks: readonly number[], leaseMs: number): Lease {
    const { limits, clock, random } = this.#parts;
    this.sweep(true);
    if (this.#leases.size >= limits.maxLeases) {
      throw storeErrors.busy(`The store has given its ${limits.maxLeases} leases.`, { limit: limits.maxLeases });
    }
    const lengthMs = this.#length(leaseMs);
    const nowMs = clock.steadyUnixMs();
    const endMs = nowMs + limits.maxLeaseLifeMs;
    const expiresMs = Math.min(nowMs + lengthMs, endMs);
    const slots = Uint32Array.from(blocks);
    const lease: Lease = { id: random(LEASE_ID_BYTES), namespace, slots, lengthMs, expiresMs, endMs };
    for (const slot of slots) this.#parts.blocks.lease(slot, 1);
    this.#leases.set(keyName(lease.id), lease);
    this.#report();
    return lease;
  }

  /** @throws AppError `KV_LEASE_EXPIRED` for an unknown or expired lease. */
  require(leaseId: Uint8Array): Lease {
    const lease = this.#leases.get(keyName(leaseId));
    if (lease && this.alive(lease)) return lease;
    if (lease) this.#end(lease, true);
    throw storeErrors.leaseExpired('The lease is unknown or has expired; look the blocks up again.');
  }

  alive(lease: Lease): boolean {
    return this.#parts.clock.steadyUnixMs() < lease.expiresMs && this.#leases.has(keyName(lease.id));
  }

  /** Moves the expiry on, never back and never beyond the lease's life. */
  extend(lease: Lease, leaseMs = lease.lengthMs): number {
    const until = Math.min(this.#parts.clock.steadyUnixMs() + this.#length(leaseMs), lease.endMs);
    lease.expiresMs = Math.max(lease.expiresMs, until);
    return lease.expiresMs;
  }

  /** Unknown leases are gone already: nothing to do. */
  release(leaseId: Uint8Array): void {
    const lease = this.#leases.get(keyName(leaseId));
    if (lease) this.#end(lease, false);
  }

  /** Ends what has expired. At most every 100 ms unless forced: eviction asks often. */
  sweep(force = false): void {
    const nowMs = this.#parts.clock.steadyUnixMs();
    if (!force && nowMs - this.#sweptMs < 100) return;
    this.#sweptMs = nowMs;
    for (const lease of this.#leases.values()) if (lease.expiresMs <= nowMs) this.#end(lease, true);
  }

  #end(lease: Lease, expired: boolean): void {
    if (!this.#leases.delete(keyName(lease.id))) return;
    for (const slot of lease.slots) this.#parts.blocks.lease(slot, -1);
    if (expired) this.#parts.observer.counted('leases_expired', 1, {});
    this.#report();
  }

  #length(leaseMs: number): number {
    const { defaultLeaseMs, maxLeaseMs } = this.#parts.limits;
    return leaseMs > 0 ? Math.min(leaseMs, maxLeaseMs) : defaultLeaseMs;
  }

  #report(): void {
    this.#parts.observer.measured('leases', this.#leases.size, this.#parts.limits.maxLeases, {});
  }
}
