import type { CompiledPolicy } from '@longhaul/attention';
import type { SequenceAttentionStatistics } from '../ports.js';

/** `fall-back`: the rest of the choice is computed under another policy, null for densely. */
export type AttentionVerdict = { kind: 'keep' } | { kind: 'fall-back'; to: CompiledPolicy | null };

/**
 * Looks at what a step has read for one choice under a policy, and may have it go on under a denser one. Called after each of
 * its steps; must be quick and must not throw. What it says must not depend on load or on other requests, or answers would.
 */
export type JudgeAttention = (
  choice: { requestId: string; choice: number; policy: CompiledPolicy },
  read: SequenceAttentionStatistics,
) => AttentionVerdict;

export const keepPolicies: JudgeAttention = () => ({ kind: 'keep' });
