import { AppError } from '@longhaul/kernel';
import type { PackageRunner, RunnerSequence } from '@longhaul/testing';
import { policyTitle, type PolicyChoice } from '../policies/policy-choice.js';

/**
 * A sequence whose attention a policy decides.
 *
 * @throws AppError `UNIMPLEMENTED` for any policy but dense: logits are read without the engine, and the native step takes
 *   no policies yet. Answers (accuracy, `same_as_dense`) are compared under every policy.
 */
export function sequenceUnder(runner: PackageRunner, policy: PolicyChoice, lengthTokens: number): RunnerSequence {
  if (policy.attention === null) return runner.createSequence(lengthTokens);
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'NO_SPARSE_LOGITS',
    field: '--positions',
    message: `--positions: logits cannot be read under ${policyTitle(policy)} yet; only KV types are compared.`,
  });
}
