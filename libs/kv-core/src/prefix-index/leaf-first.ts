import { NO_BLOCK, type BlockHandle } from './block-record.js';
import type { PrefixIndex } from './prefix-index.js';

/**
 * The order in which blocks can be removed: children before parents. Blocks that cannot go yet are left out: leased ones,
 * and those with a child that is not in the set or cannot go itself.
 */
export function leafFirst(index: PrefixIndex, blocks: Iterable<BlockHandle>): BlockHandle[] {
  const inSet = new Set(blocks);
  const gone = new Map<BlockHandle, number>();
  const order = [...inSet].sort((a, b) => index.depthOf(b) - index.depthOf(a));
  return order.filter((block) => {
    if (index.leasesOf(block) > 0 || index.childrenOf(block) !== (gone.get(block) ?? 0)) return false;
    const parent = index.parentOf(block);
    if (parent !== NO_BLOCK) gone.set(parent, (gone.get(parent) ?? 0) + 1);
    return true;
  });
}
