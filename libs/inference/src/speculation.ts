import { allowsDrafts, policyName, type PolicySpec } from '@longhaul/attention';
import { invalidArgument } from '@longhaul/kernel';
import { oneOf } from './kv-identity.js';

/** What proposes drafted tokens. `lookup`: what followed the same words earlier in prompt and answer (prompt lookup). */
export const speculationKinds = ['lookup'] as const;
export type SpeculationKind = (typeof speculationKinds)[number];

/**
 * Drafted tokens: the engine guesses how the answer goes on and lets the model verify several guesses in one step. The
 * answer is the same with and without; only the time that it takes is not.
 */
export interface Speculation {
  kind: SpeculationKind;
  /** Most tokens to draft for one step; 1 to 32. The engine drafts fewer where more does not pay. */
  maxDraftTokens: number;
}

/** Tokens drafted for one step at most: what a request may ask for, and what it gets when it does not say. */
export const draftTokenBounds = { least: 1, most: 32, unsaid: 16 } as const;

/** @throws AppError `INVALID_ARGUMENT` naming the field and the kinds that there are. */
export function checkSpeculationKind(field: string, value: string): SpeculationKind {
  return oneOf(field, value, speculationKinds);
}

/**
 * Checks what a request asks of drafting, its policy included.
 *
 * @throws AppError `INVALID_ARGUMENT` naming the field and what would be right.
 */
export function checkSpeculation({ kind, maxDraftTokens }: Speculation, attention: PolicySpec): void {
  checkSpeculationKind('speculation.kind', kind);
  requireDrafts(attention);
  const { least, most } = draftTokenBounds;
  if (Number.isInteger(maxDraftTokens) && maxDraftTokens >= least && maxDraftTokens <= most) return;
  const field = 'speculation.max_draft_tokens';
  const message = `${field} is ${maxDraftTokens}; it must be a whole number from ${least} to ${most}.`;
  throw invalidArgument(field, message, { least, most });
}

/** @throws AppError `INVALID_ARGUMENT` where what the policy computes depends on how many tokens come at once. */
function requireDrafts(attention: PolicySpec): void {
  if (allowsDrafts(attention)) return;
  const message =
    `The policy ${policyName(attention)} keeps lists or sums from step to step, so it allows no drafted tokens; ` +
    'leave speculation out, or use a policy without reuse and without summary.';
  throw invalidArgument('speculation', message);
}
