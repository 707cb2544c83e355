import { AppError } from '@longhaul/kernel';

/** A policy as the run asks for it, and as its rows call it. */
export interface PolicyChoice {
  readonly name: string;
  /** Positions below attend to everything; null for dense, which has no such bound. */
  readonly denseBelow: number | null;
  /** The value of `longhaul.attention` in the request; null sends none. */
  readonly attention: unknown;
}

export const DENSE: PolicyChoice = { name: 'dense', denseBelow: null, attention: null };

/**
 * What a run compares, dense always first.
 *
 * @throws AppError `UNKNOWN_POLICY` naming the flag.
 */
export function policyChoices(names: readonly string[]): PolicyChoice[] {
  const unknown = names.find((name) => name !== DENSE.name);
  if (unknown === undefined) return [DENSE];
  throw new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_POLICY',
    field: '--policies',
    message: `--policies: ${unknown} is not one of ${DENSE.name}.`,
  });
}

/** The policy as tables and messages call it. */
export function policyTitle({ name, denseBelow }: Pick<PolicyChoice, 'name' | 'denseBelow'>): string {
  return denseBelow === null ? name : `${name} (dense below ${denseBelow})`;
}
