import type { PrefixIndex } from '@longhaul/kv-core';
import type { StoreClock, StoreObserver } from '../ports.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import type { Namespaces } from './namespaces.js';

interface Pin {
  readonly hard: boolean;
  readonly untilMs: number;
  readonly bytes: number;
}

export interface PinParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record'>;
  readonly clock: StoreClock;
  readonly limits: Pick<StoreLimits, 'maxPins'>;
  readonly observer: StoreObserver;
}

/** Blocks that somebody wants kept: soft ones go last, hard ones never while the pin lasts. */
export class Pins {
  readonly #parts: PinParts;
  readonly #pins = new Map<number, Pin>();

  constructor(parts: PinParts) {
    this.#parts = parts;
  }

  /** Pins all or none. @throws AppError `KV_QUOTA_EXCEEDED` when the tenant has pinned hard what it may. */
  pin(slots: ReadonlySet<number>, hard: boolean, untilMs: number): void {
    this.sweep();
    const { limits } = this.#parts;
    const fresh = [...slots].filter((slot) => !this.#pins.has(slot)).length;
    if (this.#pins.size + fresh > limits.maxPins) {
      throw storeErrors.quota(`The store keeps at most ${limits.maxPins} pins.`, { limit: limits.maxPins });
    }
    if (hard) this.#checkQuota(slots);
    for (const slot of slots) {
      this.drop(slot);
      const bytes = hard ? this.#parts.blocks.bytesOf(slot) : 0;
      this.#pins.set(slot, { hard, untilMs, bytes });
      this.#tenantOf(slot).hardPinnedBytes += bytes;
    }
    this.#report();
  }

  drop(slot: number): void {
    const pin = this.#pins.get(slot);
    if (!pin) return;
    this.#pins.delete(slot);
    this.#tenantOf(slot).hardPinnedBytes -= pin.bytes;
    this.#report();
  }

  isHard(slot: number): boolean {
    return this.#alive(slot)?.hard === true;
  }

  isSoft(slot: number): boolean {
    return this.#alive(slot)?.hard === false;
  }

  sweep(): void {
    for (const slot of this.#pins.keys()) this.#alive(slot);
  }

  #alive(slot: number): Pin | undefined {
    if (this.#pins.size === 0) return undefined;
    const pin = this.#pins.get(slot);
    if (!pin || this.#parts.clock.steadyUnixMs() < pin.untilMs) return pin;
    this.drop(slot);
    return undefined;
  }

  #checkQuota(slots: ReadonlySet<number>): void {
    let added = 0;
    let tenant;
    for (const slot of slots) {
      tenant = this.#tenantOf(slot);
      if (!this.isHard(slot)) added += this.#parts.blocks.bytesOf(slot);
    }
    if (!tenant || tenant.hardPinnedBytes + added <= tenant.limits.hardPinnedBytes) return;
    const limit = tenant.limits.hardPinnedBytes;
    throw storeErrors.quota(`The tenant may pin ${limit} bytes hard and has pinned ${tenant.hardPinnedBytes}.`, {
      limit,
      pinnedBytes: tenant.hardPinnedBytes,
    });
  }

  #tenantOf(slot: number) {
    return this.#parts.namespaces.record(this.#parts.blocks.namespaceOf(slot)).tenant;
  }

  #report(): void {
    this.#parts.observer.measured('pins', this.#pins.size, this.#parts.limits.maxPins, {});
  }
}
