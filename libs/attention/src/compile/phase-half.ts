import type { JsonValue } from '@longhaul/kernel';
import { PAGE_TOKENS, QUERY_BLOCK_TOKENS, UNBOUNDED } from '../bounds.js';
import type { CompiledPolicy, NativeHeadPlan } from '../compiled-policy.js';
import { roundDown } from './head-plan.js';

/** What decides the values of one phase. */
export interface PhaseHalf {
  /** [layers * kvHeads]; equal ones are one object. */
  readonly heads: readonly NativeHeadPlan[];
  readonly skipSoftmax: number;
  /** Of the artefacts that the plans use, sorted. */
  readonly digests: readonly string[];
  readonly labels: CompiledPolicy['labels'];
}

/** Whether nothing is left out in the phase. */
export function isDense({ heads, skipSoftmax }: PhaseHalf): boolean {
  return skipSoftmax === 0 && heads.every(({ rule }) => rule === 'all');
}

/** What is chosen once for a query block of the prompt depends on where blocks are cut; a mask does not. */
export function alignmentOf({ heads }: PhaseHalf): CompiledPolicy['alignment'] {
  return heads.some(({ rule }) => rule === 'top-k' || rule === 'top-cdf') ? QUERY_BLOCK_TOKENS : 1;
}

/** First position whose KV may differ from that of dense attention, rounded down to where chunks may end. */
export function exactBelow(prefill: PhaseHalf): number {
  if (isDense(prefill)) return UNBOUNDED;
  if (prefill.skipSoftmax > 0) return 0;
  const sparse = prefill.heads.filter(({ rule }) => rule !== 'all');
  const least = Math.min(...sparse.map(({ denseBelow }) => denseBelow));
  return roundDown(least, Math.max(PAGE_TOKENS, alignmentOf(prefill)));
}

/** All of it, for a hash. */
export function halfNumerics({ heads, skipSoftmax, digests, labels }: PhaseHalf): JsonValue {
  const distinct = [...new Set(heads)];
  const indices = new Map(distinct.map((head, index) => [head, index]));
  return {
    plans: distinct.map((head) => JSON.stringify(head)),
    table: heads.map((head) => indices.get(head) ?? 0),
    skipSoftmax,
    digests,
    labels: labels === null ? null : { r: labels.r },
  };
}
