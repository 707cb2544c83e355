import { invalidArgument } from '@longhaul/kernel';

/** Policies that a caller may name. */
export const policyNames = ['dense'] as const;
export type PolicyName = (typeof policyNames)[number];
export const defaultPolicy: PolicyName = 'dense';

/** Characters of a caller's value that an error repeats. */
const SHOWN_CHARACTERS = 64;

/** @throws AppError `INVALID_ARGUMENT` naming the field and the policies that there are. */
export function checkPolicy(field: string, value: string): PolicyName {
  const found = policyNames.find((name) => name === value);
  if (found !== undefined) return found;
  const shown = JSON.stringify(value.slice(0, SHOWN_CHARACTERS));
  throw invalidArgument(field, `${field} is ${shown}; it must be ${policyNames.join(', ')}.`);
}
