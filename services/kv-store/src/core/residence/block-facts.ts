import type { BlockFacts, BlockHead } from '@longhaul/kv-core';

/** What the index keeps of a block, as far as its head says it. */
export function factsOf({ header, headBytes }: BlockHead, headCrc32c: number): Omit<BlockFacts, 'namespace'> {
  return {
    deployEpoch: header.deployEpoch,
    quality: header.quality,
    bytes: header.objectBytes,
    recomputeMicros: header.recomputeMicros,
    firstBlock: Math.floor(header.firstPosition / header.blockTokens),
    blockTokens: header.blockTokens,
    headBytes,
    headCrc32c,
    expiresS: 0,
  };
}
