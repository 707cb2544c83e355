import type { EvictOutcome, EvictRequest, Namespace, PinRequest, PrefixIndex } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { checkKeys } from '../check-keys.js';
import type { EventLog } from '../events/index.js';
import type { StoreClock } from '../ports.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import type { Evictor } from './evictor.js';
import type { LeaseTable } from './lease-table.js';
import type { NamespaceRecord, Namespaces } from './namespaces.js';
import type { Pins } from './pins.js';
import type { Residence } from './residence.js';

const MAX_PIN_S = 86_400;

export interface AdministrationParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'require' | 'sharing'>;
  readonly residence: Pick<Residence, 'isVisible'>;
  readonly evictor: Pick<Evictor, 'dropAll'>;
  readonly events: Pick<EventLog, 'append'>;
  readonly leases: Pick<LeaseTable, 'sweep'>;
  readonly pins: Pick<Pins, 'pin' | 'drop' | 'isHard'>;
  readonly clock: StoreClock;
  readonly limits: Pick<StoreLimits, 'maxLookupKeys'>;
}

/** What is kept or let go because somebody says so. */
export class Administration {
  readonly #parts: AdministrationParts;
  constructor(parts: AdministrationParts) {
    this.#parts = parts;
  }

  /** Pins all blocks or none. @throws AppError `KV_NOT_FOUND`, `KV_QUOTA_EXCEEDED`, `INVALID_ARGUMENT` for `ttl_s`. */
  pin({ namespace, keys, ttlSeconds, hard }: PinRequest): void {
    const { blocks, clock, limits, namespaces, pins, residence } = this.#parts;
    const record = namespaces.require(namespace);
    checkKeys(keys, limits.maxLookupKeys);
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_PIN_S) {
      throw invalidArgument('ttl_s', `ttl_s must be a whole number from 1 to ${MAX_PIN_S}.`, { maxTtlS: MAX_PIN_S });
    }
    const slots = keys.map((key) => blocks.find(key));
    const missing = slots.findIndex((slot) => !residence.isVisible(slot, record, namespace.deployEpoch));
    if (missing >= 0) throw storeErrors.notFound(`keys[${missing}] is not stored; nothing was pinned.`, { missing });
    pins.pin(new Set(slots), hard, clock.steadyUnixMs() + ttlSeconds * 1000);
  }

  /** Blocks of others, and those that are not there, are passed over. */
  unpin(namespace: Namespace, keys: readonly Uint8Array[]): void {
    const { blocks, limits, namespaces, pins } = this.#parts;
    const record = namespaces.require(namespace);
    checkKeys(keys, limits.maxLookupKeys);
    for (const key of keys) {
      const slot = blocks.find(key);
      if (slot >= 0 && blocks.namespaceOf(slot) === record.ordinal) pins.drop(slot);
    }
  }

  /**
   * Takes blocks out of every tier. Leased blocks stay and are counted, and so are blocks pinned hard, except where
   * their rollout is over: leases and pins of an old epoch are void.
   *
   * @returns when the bytes are gone.
   */
  async evict(request: EvictRequest): Promise<EvictOutcome> {
    const { evictor, events, leases, namespaces } = this.#parts;
    const record = namespaces.require(request.namespace);
    leases.sweep(true);
    const { kind } = request.what;
    const gone: Promise<void>[] = [];
    let leasedSkipped = 0;
    for (const slot of this.#selected(record, request.what)) {
      if (this.#mayGo(slot, request.namespace)) gone.push(evictor.dropAll(slot, kind));
      else leasedSkipped += 1;
    }
    if (kind === 'namespace' && leasedSkipped === 0 && record.id) {
      events.append({ kind: 'cleared', namespaceId: record.id });
    }
    await Promise.all(gone);
    return { evicted: gone.length, leasedSkipped };
  }

  #mayGo(slot: number, { deployEpoch }: Namespace): boolean {
    const { blocks, pins } = this.#parts;
    if (blocks.deployEpochOf(slot) < deployEpoch) return true;
    return blocks.leasesOf(slot) === 0 && !pins.isHard(slot);
  }

  #selected(record: NamespaceRecord, what: EvictRequest['what']): Set<number> {
    const { blocks, namespaces, limits } = this.#parts;
    const sharing = namespaces.sharing(record);
    const mine = (slot: number) => blocks.tiersOf(slot) !== 0 && sharing.has(blocks.namespaceOf(slot));
    const slots = new Set<number>();
    if (what.kind === 'keys') {
      checkKeys(what.keys, limits.maxLookupKeys);
      for (const key of what.keys) {
        const slot = blocks.find(key);
        if (slot >= 0 && mine(slot)) slots.add(slot);
      }
      return slots;
    }
    for (let slot = 0; slot < blocks.handleLimit; slot++) {
      if (!mine(slot)) continue;
      if (what.kind === 'namespace' || blocks.deployEpochOf(slot) < what.epoch) slots.add(slot);
    }
    return slots;
  }
}
