import { KEY_BYTES, type PrefixIndex, type PutRequest, type PutSession, equalBytes, keyName } from '@longhaul/kv-core';
import { type AppError, invalidArgument } from '@longhaul/kernel';
import type { StoreClock, StoreObserver } from '../ports.js';
import type { Evictor, LeaseTable, NamespaceRecord, Namespaces, Residence } from '../residence/index.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { RAM, safestOf, tierName } from '../tiers/index.js';
import { presentSession, type PutPlace } from './put-session.js';

/** Sections are aligned to this, and so is every object. */
const OBJECT_ALIGNMENT = 4096;

/** A put under way, as far as the registry of them needs to know it. */
export interface OpenPut extends PutSession {
  readonly beganMs: number;
  readonly lastWriteMs: number;
  /** Ends it from outside; later calls of its writer fail with `why`. */
  fail(why: AppError): AppError;
}

export interface PutParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record' | 'require'>;
  readonly residence: Pick<Residence, 'hold' | 'isVisible' | 'removal'>;
  readonly evictor: Pick<Evictor, 'dropAll' | 'freeSlot' | 'releaseMemory' | 'reserveMemory'>;
  readonly leases: Pick<LeaseTable, 'sweep'>;
  readonly clock: StoreClock;
  readonly observer: StoreObserver;
  readonly limits: StoreLimits;
  /** Makes the session of a put that may go ahead. */
  readonly open: (request: PutRequest, place: PutPlace) => OpenPut;
}

/** Who is writing what: one writer a key, bounded in number and bytes. */
export class Puts {
  readonly #parts: PutParts;
  readonly #sessions = new Map<string, OpenPut>();
  #bytes = 0;

  constructor(parts: PutParts) {
    this.#parts = parts;
  }

  /**
   * @throws AppError `KV_BUSY` (another writer, or a bound of writers), `KV_QUOTA_EXCEEDED`, `KV_NAMESPACE_MISMATCH`,
   * `INVALID_ARGUMENT` by field. Nothing is taken then.
   */
  begin(request: PutRequest): PutSession {
    const { blocks, namespaces, observer, residence } = this.#parts;
    const record = namespaces.require(request.namespace);
    checkRequest(request, this.#parts.limits.maxObjectBytes);
    const slot = blocks.find(request.key);
    if (residence.isVisible(slot, record, request.namespace.deployEpoch)) {
      observer.counted('puts_present', 1, {});
      return presentSession(tierName(safestOf(blocks.tiersOf(slot))));
    }
    this.#clearWay(request, slot, record);
    this.sweep();
    this.#preempt(request.key);
    this.#checkBounds(request.objectBytes);
    return this.#open(request, record);
  }

  /** Takes back the space of writers that have had their time. */
  sweep(): void {
    const { clock, limits } = this.#parts;
    const bound = clock.steadyUnixMs() - limits.maxPutLifeMs;
    for (const session of this.#sessions.values()) if (session.beganMs <= bound) this.#expire(session);
  }

  /** Ends every writer. */
  close(): void {
    for (const session of this.#sessions.values()) session.fail(storeErrors.closed());
  }

  /** What is in the way of the key: a rollout that is over or a block past its time goes, another tenant's stays. */
  #clearWay(request: PutRequest, slot: number, record: NamespaceRecord): void {
    const { blocks, evictor, leases, namespaces, residence } = this.#parts;
    if (slot >= 0 && blocks.tiersOf(slot) !== 0) {
      const holder = namespaces.record(blocks.namespaceOf(slot));
      if (!equalBytes(holder.tag, record.tag)) throw storeErrors.namespace('The key belongs to another namespace.');
      leases.sweep(true);
      const sameRollout = blocks.deployEpochOf(slot) === request.namespace.deployEpoch;
      if (sameRollout && blocks.leasesOf(slot) > 0) throw storeErrors.busy('The expired block is still leased.');
      void evictor.dropAll(slot, 'superseded');
    }
    if (residence.removal(RAM, request.key)) throw storeErrors.busy('The older block of this key is still being read.');
  }

  #preempt(key: Uint8Array): void {
    const { clock, limits } = this.#parts;
    const other = this.#sessions.get(keyName(key));
    if (!other) return;
    const idleMs = clock.steadyUnixMs() - other.lastWriteMs;
    if (idleMs < limits.writerLeaseMs) {
      throw storeErrors.busy('Another writer has this key.', {
        retryAfterMs: Math.ceil(limits.writerLeaseMs - idleMs),
      });
    }
    this.#expire(other);
  }

  #expire(session: OpenPut): void {
    this.#parts.observer.counted('writers_preempted', 1, {});
    session.fail(storeErrors.leaseExpired('The writer was silent for too long; its space was taken back.'));
  }

  #checkBounds(objectBytes: number): void {
    const { limits } = this.#parts;
    const tooMany = () => this.#sessions.size >= limits.maxPutSessions;
    const tooLarge = () => this.#bytes + objectBytes > limits.maxPutBytesInFlight;
    if (tooMany() || tooLarge()) this.#reclaimSilent();
    if (tooMany()) {
      throw storeErrors.busy(`${limits.maxPutSessions} puts are under way.`, { limit: limits.maxPutSessions });
    }
    if (tooLarge()) {
      const limit = limits.maxPutBytesInFlight;
      throw storeErrors.busy(`Puts under way may have ${limit} bytes together.`, { limit });
    }
  }

  #reclaimSilent(): void {
    const bound = this.#parts.clock.steadyUnixMs() - this.#parts.limits.writerLeaseMs;
    for (const session of this.#sessions.values()) if (session.lastWriteMs <= bound) this.#expire(session);
  }

  #open(request: PutRequest, record: NamespaceRecord): PutSession {
    const { clock, evictor, residence } = this.#parts;
    evictor.reserveMemory(request.objectBytes, record);
    let slot: number;
    try {
      slot = this.#takeSlot(request);
    } catch (error) {
      evictor.releaseMemory(request.objectBytes, record);
      throw error;
    }
    residence.hold(slot);
    const name = keyName(request.key);
    const ended = () => {
      if (this.#sessions.get(name) === session) this.#sessions.delete(name);
      this.#count(-request.objectBytes);
    };
    const place = { record, slot, beganMs: clock.steadyUnixMs(), ended };
    const session = this.#parts.open(copyOf(request), place);
    this.#sessions.set(name, session);
    this.#count(request.objectBytes);
    return session;
  }

  /** A place in the index for the block and, where it is not known, its parent. */
  #takeSlot({ key, parentKey }: PutRequest): number {
    const { blocks, evictor } = this.#parts;
    for (;;) {
      const slot = blocks.ensure(key);
      if (slot >= 0) {
        if (blocks.link(slot, parentKey)) return slot;
        blocks.collect(slot);
      }
      if (blocks.find(parentKey) >= 0 && slot >= 0) {
        throw invalidArgument('parent_key', 'parent_key names a block that descends from this one.');
      }
      if (!evictor.freeSlot()) {
        throw storeErrors.quota(`The index holds its ${blocks.maxBlocks} blocks.`, { limit: blocks.maxBlocks });
      }
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    const { limits, observer } = this.#parts;
    observer.measured('put_sessions', this.#sessions.size, limits.maxPutSessions, {});
    observer.measured('put_bytes_in_flight', this.#bytes, limits.maxPutBytesInFlight, {});
  }
}

function copyOf(request: PutRequest): PutRequest {
  return { ...request, key: Uint8Array.from(request.key), parentKey: Uint8Array.from(request.parentKey) };
}

function checkRequest(request: PutRequest, maxObjectBytes: number): void {
  const { key, parentKey, objectBytes, recomputeMicros, ttlSeconds } = request;
  if (key.length !== KEY_BYTES) throw invalidArgument('key', `key needs ${KEY_BYTES} bytes.`);
  if (parentKey.length !== KEY_BYTES) throw invalidArgument('parent_key', `parent_key needs ${KEY_BYTES} bytes.`);
  if (equalBytes(key, parentKey)) throw invalidArgument('parent_key', 'parent_key is the key itself.');
  const sized = Number.isInteger(objectBytes) && objectBytes >= OBJECT_ALIGNMENT && objectBytes <= maxObjectBytes;
  if (!sized || objectBytes % OBJECT_ALIGNMENT !== 0) {
    const range = `a multiple of ${OBJECT_ALIGNMENT} up to ${maxObjectBytes}`;
    throw invalidArgument('object_bytes', `object_bytes is ${objectBytes}; it must be ${range}.`, { maxObjectBytes });
  }
  if (!(recomputeMicros >= 0)) throw invalidArgument('recompute_us', 'recompute_us must be 0 or more.');
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > 2 ** 31) {
    throw invalidArgument('ttl_s', 'ttl_s must be a whole number from 0 to 2^31.');
  }
}
