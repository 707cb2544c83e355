import { AppError } from '@longhaul/kernel';
import type { BlockTier } from '@longhaul/kv-core';
import { tierErrors } from './tier-errors.js';

export type Access = 'read' | 'write';
type Health = BlockTier['health'];

export interface HealthOptions {
  /** Between probes while something is wrong. */
  readonly probeMs: number;
  /** Throws while reading is not possible. */
  readonly probeRead: () => Promise<void>;
  /** Throws while writing is not possible. */
  readonly probeWrite: () => Promise<void>;
  /** What has to be done before the tier is used again. */
  readonly onRecovered: () => Promise<void>;
  /** Told when it can be written to again. */
  readonly onWritable: () => void;
}

const WELL: Health = { writable: true, readable: true, reason: '' };

/**
 * Whether the object store can be used, learnt from the calls that use it. A call that fails for want of the store
 * turns its kind of access off, and later calls fail at once; probing turns it on again.
 */
export class TierHealth {
  readonly #options: HealthOptions;
  #health: Health = { writable: false, readable: false, reason: 'The object tier has not been opened.' };
  #timer: NodeJS.Timeout | null = null;
  #probing: Promise<void> | null = null;
  #closed = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get current(): Health {
    return this.#health;
  }

  /** Runs a call on the store. @throws AppError `KV_STORE_UNAVAILABLE` at once while this access is off. */
  async guard<T>(access: Access, call: () => Promise<T>): Promise<T> {
    this.require(access);
    try {
      return await call();
    } catch (error) {
      this.#learn(access, error);
      throw error;
    }
  }

  /** @throws AppError `KV_STORE_UNAVAILABLE` while this access is off. */
  require(access: Access): void {
    const { readable, writable, reason } = this.#health;
    if (this.#closed) throw tierErrors.unavailable('closed', 'The object tier is closed.');
    if (!(access === 'read' ? readable : writable)) throw tierErrors.unavailable('server', reason);
  }

  /** Probes now, whatever is known; several callers share one probe. Never rejects: the result is `current`. */
  async probe(): Promise<void> {
    this.#probing ??= this.#tryAll().finally(() => {
      this.#probing = null;
      if (this.#health.writable) this.#options.onWritable();
      else this.#schedule();
    });
    return this.#probing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#probing;
    this.#health = { writable: false, readable: false, reason: 'The object tier is closed.' };
  }

  async #tryAll(): Promise<void> {
    try {
      await this.#options.probeRead();
    } catch (error) {
      this.#health = { writable: false, readable: false, reason: wordsOf(error) };
      return;
    }
    const writeFault = await this.#options.probeWrite().then(() => null, wordsOf);
    try {
      await this.#options.onRecovered();
      this.#health = writeFault === null ? WELL : { readable: true, writable: false, reason: writeFault };
    } catch (error) {
      this.#health = { writable: false, readable: false, reason: wordsOf(error) };
    }
  }

  #learn(access: Access, thrown: unknown): void {
    if (!AppError.isInstance(thrown) || thrown.reason !== 'KV_STORE_UNAVAILABLE') return;
    const unreachable = thrown.details['outage'] === 'network';
    const { readable, writable } = this.#health;
    this.#health = {
      readable: readable && access !== 'read' && !unreachable,
      writable: writable && access !== 'write' && !unreachable,
      reason: thrown.message,
    };
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer || this.#closed) return;
    // Spread, so that many stores do not come back to one server in step.
    const delay = this.#options.probeMs * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.probe();
    }, delay).unref();
  }
}

function wordsOf(error: unknown): string {
  return AppError.isInstance(error) ? error.message : 'The object store failed in an unknown way.';
}
