/** Blocks [begin, end) of a run that one get stream brings. */
export interface BlockRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * Cuts a run of blocks into get streams. A stream brings layer after layer of all its blocks, so only the last one can
 * overlap with computing: it is the longest of the run that the caller wants, and at least a whole group. What comes
 * before is in whole groups but for the first, so that a failure costs one group.
 */
export function loadGroups(blocks: number, groupBlocks: number, lastBlocks: number): BlockRange[] {
  const last = Math.min(blocks, Math.max(groupBlocks, lastBlocks));
  const groups: BlockRange[] = [];
  for (let begin = 0, end = (blocks - last) % groupBlocks; begin < blocks - last; begin = end, end += groupBlocks) {
    if (end > begin) groups.push({ begin, end });
  }
  if (last > 0) groups.push({ begin: blocks - last, end: blocks });
  return groups;
}
