import { NO_SAMPLES } from './audit.js';
import { pagesFor } from '../limits.js';
import type { AttentionStatistics, SequenceAttentionStatistics } from '../ports.js';
import type { ItemResults } from '../step/build-step.js';

/**
 * What attention has read for each item of a step. The runner tells of each sequence under a policy; what is left of the bytes
 * belongs to the dense ones, to each as many as it has pages.
 *
 * @returns in the order of the items.
 */
export function stepReads(
  items: readonly ItemResults[],
  { kvReadBytes, sequences }: AttentionStatistics,
): SequenceAttentionStatistics[] {
  const dense = items.filter(({ attention }) => attention === null);
  const densePages = dense.reduce((sum, item) => sum + pagesOf(item), 0);
  const denseBytes = kvReadBytes - sequences.reduce((sum, sequence) => sum + sequence.kvReadBytes, 0);
  return items.map((item) => {
    const told = item.attention === null ? undefined : sequences[item.attention];
    return told ?? { ...NO_PAIRS, kvReadBytes: Math.round((Math.max(0, denseBytes) * pagesOf(item)) / densePages) };
  });
}

/** Nothing is left out: there is no share to tell. */
const NO_PAIRS = { prefillVisible: 0, prefillRead: 0, decodeVisible: 0, decodeRead: 0, audit: NO_SAMPLES };

function pagesOf({ item: { past, tokens } }: ItemResults): number {
  return pagesFor(past + tokens);
}
