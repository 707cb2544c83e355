import type { ModelShape } from '../model-shape.js';
import type { HeadPlan } from '../policy.js';

/** Why parts of a policy do not go together: the place, and a sentence. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

/** A plan, where it stands, and what it is for. */
export interface PlanInPlace {
  readonly plan: HeadPlan;
  /** Such as `attention.plans[0]`. */
  readonly field: string;
  readonly shape: ModelShape;
}
