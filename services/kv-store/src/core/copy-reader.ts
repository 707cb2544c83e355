import { AppError } from '@longhaul/kernel';
import { RAM, tierName } from './residence.js';
import { isDamage } from './store-errors.js';
import type { StoreParts } from './store-parts.js';

/** A range of a block's object, and the check that its bytes must pass before anybody sees them. */
export interface CheckedRange {
  readonly offset: number;
  readonly length: number;
  /** Throws when the bytes are not what they should be. */
  readonly check: (bytes: Uint8Array) => void;
}

export type ReadResult =
  { readonly kind: 'ok'; readonly bytes: Uint8Array } | { readonly kind: 'corrupt' | 'not_found' };

const MISSING: ReadResult = { kind: 'not_found' };

/** Takes a copy that failed a check out of its tier, for good, and counts it. */
export function markDamaged(parts: StoreParts, slot: number, tier: number): void {
  const { blocks, namespaces, observer, residence } = parts;
  if (!blocks.inTier(slot, tier)) return;
  observer.counted('corrupt_blocks', 1, { tier: tierName(tier) });
  namespaces.record(blocks.namespaceOf(slot)).counts.corruptBlocks += 1;
  void residence.unpublish(slot, tier);
}

/**
 * Reads a range from the fastest tier whose bytes pass the check. A damaged copy is taken out of its tier and the next
 * tier is asked; a tier in trouble is passed over. Never rejects. The caller holds the slot.
 *
 * @returns at once when memory has it: the usual case needs no turn of the event loop.
 */
export function readChecked(parts: StoreParts, slot: number, range: CheckedRange): ReadResult | Promise<ReadResult> {
  const { blocks, ram } = parts;
  let damaged = false;
  if (blocks.inTier(slot, RAM)) {
    const bytes = ram.view(blocks.keyOf(slot), range.offset, range.length);
    if (bytes && passes(range, bytes)) return { kind: 'ok', bytes };
    markDamaged(parts, slot, RAM);
    damaged = true;
  }
  return readLower(parts, slot, { ...range, damaged });
}

async function readLower(
  parts: StoreParts,
  slot: number,
  range: CheckedRange & { damaged: boolean },
): Promise<ReadResult> {
  const { blocks, guarded } = parts;
  let { damaged } = range;
  for (let tier = RAM + 1; tier < guarded.length; tier++) {
    const guard = guarded[tier];
    if (!guard || !blocks.inTier(slot, tier) || !guard.readable) continue;
    try {
      const bytes = await guard.read(blocks.keyOf(slot), range.offset, range.length);
      if (passes(range, bytes)) return { kind: 'ok', bytes };
      markDamaged(parts, slot, tier);
      damaged = true;
    } catch (cause) {
      const error = AppError.from(cause);
      if (isDamage(error)) {
        markDamaged(parts, slot, tier);
        damaged = true;
      } else if (error.reason === 'KV_NOT_FOUND') void parts.residence.unpublish(slot, tier);
    }
  }
  return damaged ? { kind: 'corrupt' } : MISSING;
}

function passes(range: CheckedRange, bytes: Uint8Array): boolean {
  try {
    range.check(bytes);
    return true;
  } catch {
    return false;
  }
}
