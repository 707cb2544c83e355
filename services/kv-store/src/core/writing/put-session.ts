import {
  type BlockHead,
  type Checksum,
  HEADER_BYTES,
  headBytesOf,
  type PrefixIndex,
  type PutOutcome,
  type PutRequest,
  type PutSession,
  readHead,
  readHeader,
  verifyBlock,
} from '@longhaul/kv-core';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { StoreClock, StoreObserver } from '../ports.js';
import { type Evictor, factsOf, type NamespaceRecord, type Namespaces, type Residence } from '../residence/index.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { RAM, type RamTier, safestOf, tierName } from '../tiers/index.js';
import { Coverage, MAX_PIECES } from './coverage.js';

export interface PutPlace {
  readonly record: NamespaceRecord;
  /** Held by the session. */
  readonly slot: number;
  readonly beganMs: number;
  /** Tells the registry that the key and the bytes are free again. */
  readonly ended: () => void;
}

export interface SessionParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record' | 'require'>;
  readonly residence: Pick<Residence, 'hold' | 'isVisible' | 'publish' | 'unhold'>;
  readonly evictor: Pick<Evictor, 'releaseMemory'>;
  readonly ram: Pick<RamTier, 'adopt'>;
  readonly checksum: Checksum;
  readonly clock: StoreClock;
  readonly observer: StoreObserver;
  readonly limits: Pick<StoreLimits, 'durableWaitMs'>;
  /** Whether commit waits for a tier below memory. */
  readonly waitForDurable: boolean;
  /** Sends a committed block down. @returns the first tier's outcome, null when none takes it. */
  readonly sendDown: (slot: number) => Promise<boolean> | null;
}

/** Expiries have 32 bits. */
const LAST_SECOND = 2 ** 32 - 1;

/** A block that is being written: bytes in any order into memory of its own, visible only by `commit`. */
export class WritingSession implements PutSession {
  readonly #parts: SessionParts;
  readonly #request: PutRequest;
  readonly #place: PutPlace;
  readonly alreadyPresent = false;
  lastWriteMs: number;
  readonly #coverage: Coverage;
  #object: Uint8Array | null = null;
  #headRead = false;
  /** Why nothing can be written any more. */
  #over: AppError | null = null;

  constructor(parts: SessionParts, request: PutRequest, place: PutPlace) {
    this.#parts = parts;
    this.#request = request;
    this.#place = place;
    this.lastWriteMs = place.beganMs;
    this.#coverage = new Coverage(request.objectBytes);
  }

  get beganMs(): number {
    return this.#place.beganMs;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#checkOpen();
    const { objectBytes } = this.#request;
    if (!Number.isInteger(offset) || offset < 0 || offset + bytes.length > objectBytes) {
      throw this.fail(invalidArgument('offset', `offset ${offset} and ${bytes.length} bytes exceed ${objectBytes}.`));
    }
    if (bytes.length === 0) return;
    if (!this.#coverage.add(offset, offset + bytes.length)) {
      const message = `Bytes from ${offset} were written twice, or in more than ${MAX_PIECES} pieces.`;
      throw this.fail(invalidArgument('offset', message));
    }
    this.#object ??= new Uint8Array(Buffer.allocUnsafeSlow(objectBytes).buffer);
    this.#object.set(bytes, offset);
    this.lastWriteMs = this.#parts.clock.steadyUnixMs();
    if (!this.#headRead) this.#checkHeadEarly(this.#object);
  }

  async commit(): Promise<PutOutcome> {
    this.#checkOpen();
    const object = this.#object;
    if (!object || !this.#coverage.complete) {
      throw this.fail(storeErrors.incomplete('Bytes of the object are missing.', { have: this.#coverage.prefixBytes }));
    }
    const head = this.#verify(object);
    this.#over = storeErrors.leaseExpired('The put is committed already.');
    this.#publish(object, head);
    return { alreadyPresent: false, durableTier: await this.#settle() };
  }

  async abort(_reason: string): Promise<void> {
    if (!this.#over) this.fail(storeErrors.cancelled());
  }

  /** Ends the session from outside. Its memory is free at once; later calls of its writer fail with `why`. */
  fail(why: AppError): AppError {
    if (this.#over) return this.#over;
    this.#over = why;
    this.#object = null;
    this.#release();
    this.#parts.observer.counted('puts_failed', 1, { reason: why.reason });
    return why;
  }

  #checkOpen(): void {
    if (this.#over) throw this.#over;
  }

  /** Another model's or tenant's block is refused before its payload is taken. */
  #checkHeadEarly(object: Uint8Array): void {
    const have = this.#coverage.prefixBytes;
    if (have < HEADER_BYTES) return;
    try {
      const { headerBytes, sectionCount } = readHeader(object.subarray(0, HEADER_BYTES));
      if (have < headBytesOf(headerBytes, sectionCount)) return;
      readHead(object, this.#expected());
      this.#headRead = true;
    } catch (error) {
      throw this.fail(AppError.from(error));
    }
  }

  #verify(object: Uint8Array): BlockHead {
    try {
      this.#parts.namespaces.require(this.#request.namespace);
      return verifyBlock(object, { expected: this.#expected(), checksum: this.#parts.checksum });
    } catch (error) {
      throw this.fail(AppError.from(error));
    }
  }

  #expected() {
    const { namespace, key, parentKey, objectBytes } = this.#request;
    return { namespace, seqKey: key, parentKey, objectBytes };
  }

  #publish(object: Uint8Array, head: BlockHead): void {
    const { blocks, checksum, clock, observer, ram, residence } = this.#parts;
    const { key, recomputeMicros, ttlSeconds, namespace } = this.#request;
    const { record, slot } = this.#place;
    const micros = recomputeMicros || head.header.recomputeMicros;
    blocks.describe(slot, {
      ...factsOf(head, checksum(object.subarray(0, head.headBytes))),
      namespace: record.ordinal,
      deployEpoch: namespace.deployEpoch,
      recomputeMicros: Math.min(2 ** 32 - 1, Math.round(micros)),
      expiresS: ttlSeconds > 0 ? Math.min(LAST_SECOND, Math.ceil(clock.steadyUnixMs() / 1000) + ttlSeconds) : 0,
    });
    this.#parts.evictor.releaseMemory(object.length, record);
    ram.adopt(key, object);
    this.#object = null;
    residence.publish(slot, RAM);
    observer.counted('puts_committed', 1, {});
    observer.counted('put_bytes', object.length, {});
  }

  /** Sends the block down and, where asked to, waits for it. @returns the safest tier that has it. */
  async #settle() {
    const { blocks, clock, limits, namespaces, residence } = this.#parts;
    const { slot, record } = this.#place;
    const stored = this.#parts.sendDown(slot);
    residence.hold(slot);
    this.#place.ended();
    residence.unhold(slot);
    try {
      if (stored && this.#parts.waitForDurable) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(limits.durableWaitMs, resolve, 'background');
          void stored.then(() => {
            cancel();
            resolve();
          });
        });
      }
      const { deployEpoch } = this.#request.namespace;
      const visible = residence.isVisible(slot, namespaces.record(record.ordinal), deployEpoch);
      return tierName(visible ? Math.max(RAM, safestOf(blocks.tiersOf(slot))) : RAM);
    } finally {
      residence.unhold(slot);
    }
  }

  #release(): void {
    this.#parts.evictor.releaseMemory(this.#request.objectBytes, this.#place.record);
    this.#place.ended();
    this.#parts.residence.unhold(this.#place.slot);
  }
}

/** The answer to a put of a block that is there: what the writer still sends is dropped. */
export function presentSession(durableTier: PutOutcome['durableTier']): PutSession {
  return {
    alreadyPresent: true,
    write: () => Promise.resolve(),
    commit: () => Promise.resolve({ alreadyPresent: true, durableTier }),
    abort: () => Promise.resolve(),
  };
}
