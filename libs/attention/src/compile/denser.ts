import { policyBounds, UNBOUNDED } from '../bounds.js';
import type { NativeHeadPlan } from '../compiled-policy.js';

/** What of a compiled policy says how much is looked at. */
export interface PolicyNumbers {
  readonly plans: readonly NativeHeadPlan[];
  readonly skipSoftmax: number;
}

/**
 * The numbers that an audit has a policy fall back to first: windows, budgets, lines and bounds of units are twice as large,
 * of the mass half as much is left out, and keys are skipped from twice as far below the maximum on. What ranks, in which units,
 * how often, and where everything is looked at stays.
 *
 * @returns as many plans, in the same order.
 */
export function denserNumbers({ plans, skipSoftmax }: PolicyNumbers): PolicyNumbers {
  return { plans: plans.map(denserPlan), skipSoftmax: Math.min(policyBounds.skipSoftmax, 2 * skipSoftmax) };
}

function denserPlan(plan: NativeHeadPlan): NativeHeadPlan {
  switch (plan.rule) {
    case 'all':
      return plan;
    case 'none':
      return { ...plan, windowTokens: twice(plan.windowTokens) };
    case 'top-k': {
      const { budgetTokens, verticals, slashes } = plan;
      return {
        ...plan,
        budgetTokens: twice(budgetTokens),
        verticals: twice(verticals),
        slashes: twice(slashes),
      };
    }
    case 'top-cdf': {
      const { mass, minUnits, maxUnits } = plan;
      return { ...plan, mass: (1 + mass) / 2, minUnits: twice(minUnits), maxUnits: twice(maxUnits) };
    }
  }
}

function twice(value: number): number {
  return Math.min(UNBOUNDED, 2 * value);
}
