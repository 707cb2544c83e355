/**
 * What is wrong. `pages`: references, free list and counts of the pool disagree. `sequences`: a sequence's own numbers, or
 * its place. `transfers`: pages of loads and writes. `places`: those in the batch. `cache`: the prefix cache. `attention`:
 * what the runner keeps for sequences under a policy. `check`: the check itself failed.
 */
export type ViolationKind = 'pages' | 'sequences' | 'transfers' | 'places' | 'cache' | 'attention' | 'check';

export interface Violation {
  readonly kind: ViolationKind;
  /** One sentence, with numbers and ids. */
  readonly message: string;
}
