import { UNBOUNDED } from '../bounds.js';
import type { NativeHeadPlan } from '../compiled-policy.js';

/**
 * Length of the longest text that a head is sure to look at as a whole, whatever the keys are; 2^30: any. A budget counts
 * in whole units, and a text of at most that many units is all chosen.
 */
export function denseUpTo(plan: NativeHeadPlan): number {
  return Math.max(plan.denseBelow, byRule(plan));
}

function byRule(plan: NativeHeadPlan): number {
  switch (plan.rule) {
    case 'all':
      return UNBOUNDED;
    case 'none':
      return plan.sinkTokens + plan.windowTokens;
    case 'top-k': {
      // Each column is a key, each diagonal a distance: all keys are in a list of either.
      if (plan.scorer === 'vertical-slash') return Math.max(plan.verticals, plan.slashes);
      return Math.ceil(plan.budgetTokens / plan.unitTokens) * plan.unitTokens;
    }
    case 'top-cdf':
      return plan.mass >= 1 && plan.maxUnits === UNBOUNDED ? UNBOUNDED : plan.unitTokens;
  }
}
