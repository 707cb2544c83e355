import { invalidArgument } from '@longhaul/kernel';
import { policyBounds } from '../bounds.js';
import type { NativeHeadPlan } from '../compiled-policy.js';
import type { Phase } from '../policy.js';

/** Distinct head plans in the order of their first use, and which head has which. */
export class PlanTable {
  readonly plans: NativeHeadPlan[] = [];
  readonly #field: string;
  readonly #indices = new Map<string, number>();
  /** The same by identity, which is found faster. */
  readonly #known = new Map<NativeHeadPlan, number>();
  readonly #table: Record<Phase, number[]> = { prefill: [], decode: [] };

  /** @param field how errors call the policy. */
  constructor(field: string) {
    this.#field = field;
  }

  /**
   * Takes the plan of the next head of a phase.
   *
   * @throws AppError `INVALID_ARGUMENT` where there are more distinct plans than a table can tell apart.
   */
  push(phase: Phase, plan: NativeHeadPlan): void {
    const index = this.#known.get(plan) ?? this.#indexOf(plan);
    this.#known.set(plan, index);
    this.#table[phase].push(index);
  }

  #indexOf(plan: NativeHeadPlan): number {
    // All plans are made with the same keys in the same order.
    const key = JSON.stringify(plan);
    const found = this.#indices.get(key);
    if (found !== undefined) return found;
    if (this.plans.length >= policyBounds.headPlans) throw tooManyPlans(this.#field);
    const index = this.plans.push(plan) - 1;
    this.#indices.set(key, index);
    return index;
  }

  /** [2, layers, kvHeads] */
  bytes(): Uint8Array {
    return Uint8Array.from([...this.#table.prefill, ...this.#table.decode]);
  }
}

function tooManyPlans(field: string): Error {
  const { headPlans } = policyBounds;
  const message = `The plans of ${field} make more than ${headPlans} kinds of heads of this model.`;
  return invalidArgument(`${field}.plans`, message, { headPlans });
}
