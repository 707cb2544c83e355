import { invalidArgument } from '@longhaul/kernel';
import { PAGE_TOKENS, QUERY_BLOCK_TOKENS, UNBOUNDED } from '../bounds.js';
import type { NativeHeadPlan } from '../compiled-policy.js';
import type { HeadPlan, Reuse, Scorer, Selection, Selector } from '../policy.js';
import { scorerFacts } from '../scorer-facts.js';

/** A head that looks at everything. */
export const DENSE_HEAD: NativeHeadPlan = Object.freeze({
  ...{ denseBelow: UNBOUNDED, rule: 'all', sinkTokens: 0, windowTokens: 0, unitTokens: PAGE_TOKENS },
  ...{
    scorer: 'none',
    stride: 0,
    headReduce: 'max',
    boundRadius: 1,
    budgetTokens: 0,
    mass: 1,
    minUnits: 0,
    maxUnits: UNBOUNDED,
  },
  ...{ verticals: 0, slashes: 0, reuseEvery: 1, reuseCosine: 2, summary: false },
} as const);

/** What is not in a plan itself. */
export interface PlanContext {
  readonly denseBelow: number;
  /** Of the head, where its mass is `calibrated`. */
  readonly calibratedMass: number;
}

/** A plan whose composition has been checked, in the numbers of the native engine. */
export function nativeHeadPlan(plan: HeadPlan, context: PlanContext): NativeHeadPlan {
  const selection = selectionOf(plan);
  const { selector } = selection;
  if (selector.rule === 'all') return DENSE_HEAD;
  const sinkTokens = forcedTokens(plan, 'sink');
  const windowTokens = forcedTokens(plan, 'window');
  if (selector.rule === 'none') {
    const summary = selection.exec === 'summary';
    return {
      ...DENSE_HEAD,
      denseBelow: context.denseBelow,
      rule: 'none',
      sinkTokens,
      windowTokens,
      unitTokens: 1,
      summary,
    };
  }
  return {
    ...DENSE_HEAD,
    denseBelow: plan.phase === 'prefill' ? roundDown(context.denseBelow, QUERY_BLOCK_TOKENS) : context.denseBelow,
    sinkTokens,
    // The unit of the query itself is always looked at.
    windowTokens: Math.max(1, windowTokens),
    unitTokens: unitTokensOf(selection),
    ...scored(selection.scorer),
    ...chosen(selector, context.calibratedMass),
    ...reused(selection.reuse),
  };
}

/** The branch of a plan that chooses; every plan has one. */
export function selectionOf(plan: HeadPlan): Selection {
  for (const branch of plan.branches) if (branch.range === 'middle' || branch.range === 'all') return branch;
  throw invalidArgument('branches', 'A plan has a branch for the middle, or for all.');
}

/** Tokens of a branch that takes all it covers; 0 where there is none. */
export function forcedTokens(plan: HeadPlan, range: 'sink' | 'window'): number {
  for (const branch of plan.branches) if (branch.range === range) return branch.tokens;
  return 0;
}

/** Tokens of what is chosen as one. */
export function unitTokensOf({ unit, scorer }: Selection): number {
  if (unit?.kind === 'token') return 1;
  if (unit?.tokens !== undefined) return unit.tokens;
  return (scorer === undefined ? undefined : scorerFacts[scorer.phi].unitTokens?.[0]) ?? PAGE_TOKENS;
}

function scored(scorer: Scorer | undefined): Pick<NativeHeadPlan, 'scorer' | 'stride' | 'headReduce' | 'boundRadius'> {
  if (scorer === undefined) return { scorer: 'none', stride: 0, headReduce: 'max', boundRadius: 1 };
  const stride = scorer.phi === 'antidiagonal-strip' ? scorer.stride : 0;
  // Mass of several heads is added; of bounds and products the greatest counts, if nothing else is said.
  const unsaid = scorerFacts[scorer.phi].score === 'mass' ? 'sum' : 'max';
  const headReduce = ('head_reduce' in scorer ? scorer.head_reduce : undefined) ?? unsaid;
  const boundRadius = ('radius' in scorer ? scorer.radius : undefined) ?? 1;
  return { scorer: scorerFacts[scorer.phi].native, stride, headReduce, boundRadius };
}

function chosen(selector: Selector, calibratedMass: number): Partial<NativeHeadPlan> & Pick<NativeHeadPlan, 'rule'> {
  switch (selector.rule) {
    case 'top-k':
      return { rule: 'top-k', budgetTokens: selector.tokens };
    case 'top-lines':
      return { rule: 'top-k', verticals: selector.verticals, slashes: selector.slashes };
    case 'top-cdf': {
      const { mass, min_units: minUnits = 0, max_units: maxUnits = UNBOUNDED } = selector;
      return { rule: 'top-cdf', mass: mass === 'calibrated' ? calibratedMass : mass, minUnits, maxUnits };
    }
    case 'all':
    case 'none':
      return { rule: selector.rule };
  }
}

function reused(reuse: Reuse | undefined): Pick<NativeHeadPlan, 'reuseEvery' | 'reuseCosine'> {
  if (reuse?.kind === 'every') return { reuseEvery: reuse.steps, reuseCosine: 2 };
  if (reuse?.kind === 'cosine') return { reuseEvery: 1, reuseCosine: reuse.at_least };
  return { reuseEvery: 1, reuseCosine: 2 };
}

/** The greatest multiple that is not above. */
export function roundDown(value: number, multiple: number): number {
  return Math.floor(value / multiple) * multiple;
}
