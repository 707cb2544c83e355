import type { BlockTier, Tier } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { StoreClock, StoreObserver } from '../ports.js';
import { isDamage, storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { TierSpeed } from './tier-speed.js';

export interface GuardParts {
  readonly clock: StoreClock;
  readonly observer: StoreObserver;
  readonly limits: StoreLimits;
}

/** First guess of a tier's speed, bytes a microsecond; measured reads move it. */
const FIRST_SPEED: Readonly<Record<Tier, number>> = { ram: 8000, disk: 1000, object: 100 };

type Side = 'read' | 'write';

/** What is written to a tier; `expiresS` 0: for ever. */
export interface StoredObject {
  readonly key: Uint8Array;
  readonly object: Uint8Array;
  readonly expiresS: number;
}

/** What a tier can do now, and why not more. */
export interface TierState {
  readonly name: Tier;
  readonly health: BlockTier['health'];
}

/**
 * A tier that cannot hang the store: every operation has a deadline, the number under way is bounded, and after some
 * failures in a row, or one deadline that was missed, the side that failed (reads or writes) is left alone for a while.
 */
export class GuardedTier implements TierState {
  readonly #parts: GuardParts;
  readonly #failures = { read: 0, write: 0 };
  readonly #pausedUntilMs = { read: 0, write: 0 };
  /** Why a side was left alone last. */
  #trouble = '';
  #underWay = 0;
  readonly #speed: TierSpeed;

  constructor(
    readonly tier: BlockTier,
    parts: GuardParts,
  ) {
    this.#parts = parts;
    this.#speed = new TierSpeed(FIRST_SPEED[tier.name], () => parts.clock.steadyUnixMs());
  }

  get name(): Tier {
    return this.tier.name;
  }

  /** The tier's own, less what is left alone. */
  get health(): BlockTier['health'] {
    const { reason } = this.tier.health;
    const { readable, writable } = this;
    const alone = this.#paused('read') || this.#paused('write');
    return { readable, writable, reason: reason === '' && alone ? this.#trouble : reason };
  }

  get readable(): boolean {
    return this.tier.health.readable && !this.#paused('read');
  }

  get writable(): boolean {
    return this.tier.health.writable && !this.#paused('write');
  }

  /** Expected time to read so many bytes, microseconds. */
  loadMicros(bytes: number): number {
    return Math.ceil(bytes / this.#speed.bytesPerMicro);
  }

  async read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    const observed = this.#speed.begin(length);
    let received = 0;
    try {
      const bytes = await this.#run('read', () => this.tier.read(key, offset, length));
      if (bytes.length !== length) throw storeErrors.incomplete('The tier returned fewer bytes than asked for.');
      received = length;
      return bytes;
    } finally {
      observed(received);
    }
  }

  /** @param late what to do when the write succeeds after its deadline: nobody waits for it any more. */
  write({ key, object, expiresS }: StoredObject, late: () => void): Promise<void> {
    return this.#run('write', () => this.tier.put(key, object, expiresS), late);
  }

  remove(keys: readonly Uint8Array[]): Promise<void> {
    return this.#run('write', () => this.tier.remove(keys));
  }

  close(): Promise<void> {
    return this.#withDeadline(() => this.tier.close());
  }

  async #run<T>(side: Side, operation: () => Promise<T>, late?: () => void): Promise<T> {
    const { limits } = this.#parts;
    if (this.#paused(side)) throw storeErrors.unavailable(`The ${this.tier.name} tier failed and is left alone.`);
    if (this.#underWay >= limits.maxTierOperations) {
      throw storeErrors.busy(`The ${this.tier.name} tier has ${limits.maxTierOperations} operations under way.`, {
        limit: limits.maxTierOperations,
      });
    }
    let missedDeadline = false;
    try {
      const result = await this.#withDeadline(operation, { late, missed: () => (missedDeadline = true) });
      this.#failures[side] = 0;
      return result;
    } catch (cause) {
      const error = AppError.from(cause);
      this.#judge(side, error, missedDeadline);
      throw error;
    }
  }

  /** @param late the operation succeeded after all; @param missed the deadline has passed. */
  #withDeadline<T>(
    operation: () => Promise<T>,
    { late: tooLate, missed }: { late?: (() => void) | undefined; missed?: () => void } = {},
  ): Promise<T> {
    const { clock, limits, observer } = this.#parts;
    this.#count(1);
    return new Promise<T>((resolve, reject) => {
      let open = true;
      const late = () => {
        open = false;
        observer.counted('tier_timeouts', 1, { tier: this.tier.name });
        missed?.();
        const { tierDeadlineMs } = limits;
        reject(storeErrors.unavailable(`The ${this.tier.name} tier did not answer within ${tierDeadlineMs} ms.`));
      };
      const cancel = clock.after(limits.tierDeadlineMs, late, 'background');
      const settle = (then: () => void) => {
        this.#count(-1);
        cancel();
        if (open) then();
      };
      started(operation).then(
        (value) => {
          if (!open) tooLate?.();
          settle(() => resolve(value));
        },
        (error: unknown) => settle(() => reject(AppError.from(error))),
      );
    });
  }

  /** Missing, damaged or full is an answer; anything else is trouble. */
  #judge(side: Side, error: AppError, missedDeadline: boolean): void {
    if (error.reason === 'KV_NOT_FOUND' || error.reason === 'KV_TIER_FULL' || isDamage(error)) return;
    const { clock, limits, observer } = this.#parts;
    observer.counted('tier_errors', 1, { tier: this.tier.name, reason: error.reason });
    this.#failures[side] += 1;
    // A deadline that was missed has held somebody up already: the next one shall not wait as long.
    if (!missedDeadline && this.#failures[side] < limits.tierFailures) return;
    this.#failures[side] = 0;
    this.#trouble = error.message;
    this.#pausedUntilMs[side] = clock.steadyUnixMs() + limits.tierPauseMs;
    observer.counted('tier_pauses', 1, { tier: this.tier.name, reason: side });
  }

  #paused(side: Side): boolean {
    return this.#parts.clock.steadyUnixMs() < this.#pausedUntilMs[side];
  }

  #count(by: number): void {
    this.#underWay += by;
    const { observer, limits } = this.#parts;
    observer.measured('tier_operations', this.#underWay, limits.maxTierOperations, { tier: this.tier.name });
  }
}

async function started<T>(operation: () => Promise<T>): Promise<T> {
  return operation();
}
