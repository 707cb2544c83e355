import type { HeadPlan } from '../policy.js';
import type { Fault, PlanInPlace } from './fault.js';

/** Branches take every visible key once: by what ranges mean, two of one kind would take keys twice, and a gap drops some. */
export function* branchFaults({ plan, field }: PlanInPlace): Generator<Fault> {
  const seen = new Map<string, number>();
  for (const [i, { range }] of plan.branches.entries()) {
    const first = seen.get(range);
    seen.set(range, first ?? i);
    if (first === undefined) continue;
    const place = `${field}.branches[${i}].range`;
    yield { field: place, message: `${place} is ${range}, as of branches[${first}]: a range has one selector.` };
  }
  const has = (range: string) => seen.has(range);
  const place = `${field}.branches`;
  if (has('all') && plan.branches.length > 1) {
    yield { field: place, message: `${place} have a range beside all, which would be looked at twice.` };
  } else if (!has('all') && !has('middle')) {
    yield {
      field: place,
      message: `${place} leave the middle out; say what of it is looked at, or the selector none.`,
    };
  }
}

/** Where the branch that chooses stands. */
export function selectionField({ plan, field }: PlanInPlace): string {
  return `${field}.branches[${choosing(plan)}]`;
}

function choosing({ branches }: HeadPlan): number {
  return branches.findIndex(({ range }) => range === 'middle' || range === 'all');
}
