import type { PresetName } from '@longhaul/attention';
import { AppError } from '@longhaul/kernel';
import type { Tenant } from '../tenants/tenant.js';
import { attentionChoices, type AttentionChoice } from '@longhaul/attention';

/** What a server says about attention, of the one model that it serves. */
export interface AttentionRules {
  /** What a request gets that says nothing, where its tenant has no default of its own. */
  readonly default: PresetName;
  readonly allowed: ReadonlySet<AttentionChoice>;
}

/** What is wrong with the rules of a server: one sentence each, by the flag. */
export function faultsOfRules({ default: preset, allowed }: AttentionRules): readonly string[] {
  if (allowed.has(preset)) return [];
  return [`--attention-default: ${preset} is not in --attention-allowed (${[...allowed].join(', ')})`];
}

/**
 * What is wrong with what tenants may use on a server: one sentence each, by the place in their file. A tenant must be
 * able to ask without a word about attention.
 */
export function faultsOfTenants(tenants: readonly Tenant[], rules: AttentionRules): readonly string[] {
  return tenants.flatMap((tenant, at) => faultsOfTenant(tenant, `tenants[${at}]`, rules));
}

function faultsOfTenant(tenant: Tenant, place: string, rules: AttentionRules): readonly string[] {
  const { policies, defaultPolicy } = tenant;
  const foreign = [...(policies ?? [])].filter((choice) => !rules.allowed.has(choice));
  if (foreign.length > 0) return [`${place}.policies: --attention-allowed has no ${foreign.join(', ')}`];
  const usable = allowedFor(tenant, rules);
  if (defaultPolicy !== null && !usable.includes(defaultPolicy)) {
    return [`${place}.default_policy: is not among what the tenant may use (${usable.join(', ')})`];
  }
  if (defaultPolicy !== null || usable.includes(rules.default)) return [];
  return [`${place}.policies: lack ${rules.default}, which requests get that say nothing; give a default_policy`];
}

/** What a tenant may ask for here, in the order of all choices. */
export function allowedFor({ policies }: Tenant, { allowed }: AttentionRules): readonly AttentionChoice[] {
  return attentionChoices.filter((choice) => allowed.has(choice) && (policies === null || policies.has(choice)));
}

/** What a request of a tenant gets that says nothing about attention. */
export function defaultFor({ defaultPolicy }: Tenant, rules: AttentionRules): PresetName {
  return defaultPolicy ?? rules.default;
}

/**
 * @throws AppError `NOT_SUPPORTED` where this server allows it to nobody, `POLICY_NOT_ALLOWED` where the tenant may not;
 * both name what there is.
 */
export function requireAllowed(choice: AttentionChoice, tenant: Tenant, rules: AttentionRules): void {
  const usable = allowedFor(tenant, rules);
  if (usable.includes(choice)) return;
  const what = choice === 'custom' ? 'a policy of your own' : `the policy ${choice}`;
  const there = usable.map((name) => (name === 'custom' ? 'a policy of your own' : name)).join(', ');
  const forNobody = !rules.allowed.has(choice);
  throw new AppError({
    code: forNobody ? 'INVALID_ARGUMENT' : 'PERMISSION_DENIED',
    reason: forNobody ? 'NOT_SUPPORTED' : 'POLICY_NOT_ALLOWED',
    message: `${forNobody ? 'This server takes no request for' : 'This API key may not use'} ${what}; there is ${there}.`,
    field: 'attention',
  });
}
