import { bytesOfName, keyName } from '../keys/key-name.js';
import type { BlockEvent } from '../ports/block-events.js';
import type { QualityClass } from '../quality.js';
import { TIERS, type Tier } from '../tier.js';

/** What events told of one block. */
export interface BlockPlace {
  /** Never empty. */
  readonly tiers: readonly Tier[];
  readonly quality: QualityClass;
  readonly parentKey: Uint8Array;
  readonly firstBlock: number;
  readonly blockTokens: number;
}

export interface ViewedBlock extends BlockPlace {
  readonly namespaceId: Uint8Array;
  readonly key: Uint8Array;
}

/** Every set of tiers once, by bit mask, so that a view of many blocks holds no lists of its own. */
const TIER_SETS: readonly (readonly Tier[])[] = Array.from({ length: 1 << TIERS.length }, (_, mask) =>
  TIERS.filter((_, bit) => mask & (1 << bit)),
);

/**
 * Which blocks a store has and where, as its events tell it. Applying an event twice changes nothing. About 250 bytes
 * a block: for followers of tens of thousands of blocks each, not for the store itself.
 */
export class BlockView {
  readonly #namespaces = new Map<string, Map<string, BlockPlace>>();
  #blocks = 0;

  get size(): number {
    return this.#blocks;
  }

  place(namespaceId: Uint8Array, key: Uint8Array): BlockPlace | undefined {
    return this.#namespaces.get(keyName(namespaceId))?.get(keyName(key));
  }

  apply(event: BlockEvent): void {
    switch (event.kind) {
      case 'stored':
        return this.#store(event);
      case 'removed':
        return this.#remove(event);
      case 'cleared':
        return this.clear(event.namespaceId);
    }
  }

  /** All blocks, or those of one namespace. The view must not change meanwhile. */
  *entries(namespaceId: Uint8Array | null = null): Generator<ViewedBlock, void, undefined> {
    const only = namespaceId === null ? null : keyName(namespaceId);
    for (const [name, blocks] of this.#namespaces) {
      if (only !== null && only !== name) continue;
      for (const [key, place] of blocks) yield { namespaceId: bytesOfName(name), key: bytesOfName(key), ...place };
    }
  }

  clear(namespaceId: Uint8Array | null): void {
    if (namespaceId === null) {
      this.#namespaces.clear();
      this.#blocks = 0;
      return;
    }
    const name = keyName(namespaceId);
    this.#blocks -= this.#namespaces.get(name)?.size ?? 0;
    this.#namespaces.delete(name);
  }

  /** The keys of one event are a chain: each is the parent of the next. */
  #store(event: BlockEvent & { kind: 'stored' }): void {
    const { keys, quality, blockTokens, tier } = event;
    const name = keyName(event.namespaceId);
    let blocks = this.#namespaces.get(name);
    if (!blocks) this.#namespaces.set(name, (blocks = new Map<string, BlockPlace>()));
    let parentKey = event.parentKey;
    for (const [index, key] of keys.entries()) {
      const known = blocks.get(keyName(key));
      if (!known) this.#blocks += 1;
      const tiers = tierSet(maskOf(known?.tiers ?? []) | maskOf([tier]));
      blocks.set(keyName(key), { tiers, quality, parentKey, firstBlock: event.firstBlock + index, blockTokens });
      parentKey = key;
    }
  }

  #remove({ namespaceId, keys, tier }: BlockEvent & { kind: 'removed' }): void {
    const blocks = this.#namespaces.get(keyName(namespaceId));
    for (const key of blocks ? keys : []) {
      const known = blocks?.get(keyName(key));
      if (!known) continue;
      const left = maskOf(known.tiers) & ~maskOf([tier]);
      if (left !== 0) blocks?.set(keyName(key), { ...known, tiers: tierSet(left) });
      else if (blocks?.delete(keyName(key))) this.#blocks -= 1;
    }
    if (blocks?.size === 0) this.#namespaces.delete(keyName(namespaceId));
  }
}

function maskOf(tiers: readonly Tier[]): number {
  return tiers.reduce((mask, tier) => mask | (1 << TIERS.indexOf(tier)), 0);
}

function tierSet(mask: number): readonly Tier[] {
  return TIER_SETS[mask] ?? [];
}
