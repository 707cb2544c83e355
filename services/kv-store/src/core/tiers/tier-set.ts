import type { GuardedTier } from './guarded-tier.js';
import type { RamTier } from './ram-tier.js';
import { RAM } from './tier-numbers.js';

/** Memory's speed, bytes a microsecond: what checking the sums costs at least. */
const RAM_SPEED = 8000;

/** The tiers of one store by number: memory, which needs no guard, and what is below it. */
export class TierSet {
  readonly #lower: readonly (GuardedTier | null)[];

  /** @param lower by tier number; absent tiers are null, and so is the place of memory. */
  constructor(
    readonly ram: RamTier,
    lower: readonly (GuardedTier | null)[],
  ) {
    this.#lower = lower;
  }

  /** Numbers go from 0 to here. */
  get count(): number {
    return this.#lower.length;
  }

  /** The tiers below memory that there are, fastest first. */
  get present(): readonly GuardedTier[] {
    return this.#lower.filter((guard) => guard !== null);
  }

  /** Null for memory and for a tier that the store does not have. */
  lower(tier: number): GuardedTier | null {
    return this.#lower[tier] ?? null;
  }

  has(tier: number): boolean {
    return tier === RAM || this.lower(tier) !== null;
  }

  /** Bound of the tier's bytes; 0 where there is none. */
  limitBytes(tier: number): number {
    return tier === RAM ? this.ram.limitBytes : (this.lower(tier)?.tier.limitBytes ?? 0);
  }

  /** Bit per tier that can be read now. */
  get readable(): number {
    return this.#lower.reduce((bits, guard, tier) => bits | ((guard?.readable ?? tier === RAM) ? 1 << tier : 0), 0);
  }

  /** Expected time to read so many bytes, microseconds. */
  loadMicros(tier: number, bytes: number): number {
    return this.lower(tier)?.loadMicros(bytes) ?? Math.ceil(bytes / RAM_SPEED);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lower.map((guard) => guard?.close()));
    await this.ram.close();
  }
}
