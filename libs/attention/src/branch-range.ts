import type { HeadPlan } from './policy.js';

/** A query and a key by their positions. */
export interface QueryKey {
  readonly query: number;
  readonly key: number;
}

/**
 * Which branches of a plan take a key, by index; the definition of ranges. A key that is not visible is in none; one that
 * is, is in exactly one of a plan without faults.
 */
export function branchesOf({ branches }: Pick<HeadPlan, 'branches'>, { query, key }: QueryKey): number[] {
  if (key > query) return [];
  const limit = (range: 'sink' | 'window') => {
    const branch = branches.find((candidate) => candidate.range === range);
    return branch !== undefined && 'tokens' in branch ? branch.tokens : 0;
  };
  const inSink = key < limit('sink');
  const inWindow = !inSink && query - key < limit('window');
  const takes = { sink: inSink, window: inWindow, middle: !inSink && !inWindow, all: true };
  return branches.flatMap(({ range }, i) => (takes[range] ? [i] : []));
}
