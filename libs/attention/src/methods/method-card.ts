import type { WrittenPolicy } from '../policy.js';

/** What a user of a method should know of it; the pages of docs/policies.md. */
export interface MethodCard {
  /** File of the method, and name of its policy. */
  readonly id: string;
  readonly title: string;
  /** Where it is from. */
  readonly source: string;
  readonly what: string;
  readonly fails: string;
  /** Where it is not what the paper has; null: nowhere. */
  readonly differs: string | null;
  /** The method with its own parameters. */
  readonly policy: WrittenPolicy;
}
