import type { PrefixIndex } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { Residence } from '../residence/index.js';
import { isDamage } from '../store-errors.js';
import { RAM, type TierSet } from '../tiers/index.js';

/** A range of a block's object, and the check that its bytes must pass before anybody sees them. */
export interface CheckedRange {
  readonly offset: number;
  readonly length: number;
  /** Throws when the bytes are not what they should be. */
  readonly check: (bytes: Uint8Array) => void;
}

export type ReadResult =
  { readonly kind: 'ok'; readonly bytes: Uint8Array } | { readonly kind: 'corrupt' | 'not_found' };

export interface CopyParts {
  readonly blocks: PrefixIndex;
  readonly residence: Pick<Residence, 'condemn' | 'unpublish'>;
  readonly tiers: TierSet;
}

const MISSING: ReadResult = { kind: 'not_found' };

/**
 * Reads a range from the fastest tier whose bytes pass the check. A damaged copy is taken out of its tier and the next
 * tier is asked; a tier in trouble is passed over. Never rejects. The caller holds the slot.
 */
export class CopyReader {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** @returns at once when memory has it: the usual case needs no turn of the event loop. */
  read(slot: number, range: CheckedRange): ReadResult | Promise<ReadResult> {
    const { blocks, residence, tiers } = this.#parts;
    if (!blocks.inTier(slot, RAM)) return this.#readLower(slot, range, false);
    const bytes = tiers.ram.view(blocks.keyOf(slot), range.offset, range.length);
    if (bytes && passes(range, bytes)) return { kind: 'ok', bytes };
    residence.condemn(slot, RAM);
    return this.#readLower(slot, range, true);
  }

  async #readLower(slot: number, range: CheckedRange, damagedAbove: boolean): Promise<ReadResult> {
    const { blocks, residence, tiers } = this.#parts;
    let damaged = damagedAbove;
    for (let tier = RAM + 1; tier < tiers.count; tier++) {
      const guard = tiers.lower(tier);
      if (!guard || !blocks.inTier(slot, tier) || !guard.readable) continue;
      try {
        const bytes = await guard.read(blocks.keyOf(slot), range.offset, range.length);
        if (passes(range, bytes)) return { kind: 'ok', bytes };
        residence.condemn(slot, tier);
        damaged = true;
      } catch (cause) {
        const error = AppError.from(cause);
        if (isDamage(error)) {
          residence.condemn(slot, tier);
          damaged = true;
        } else if (error.reason === 'KV_NOT_FOUND') void residence.unpublish(slot, tier);
      }
    }
    return damaged ? { kind: 'corrupt' } : MISSING;
  }
}

function passes(range: CheckedRange, bytes: Uint8Array): boolean {
  try {
    range.check(bytes);
    return true;
  } catch {
    return false;
  }
}
