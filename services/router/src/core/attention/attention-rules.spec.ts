import { describe, expect, it } from '@jest/globals';
import { unlimited, type Tenant } from '../tenants/tenant.js';
import { attentionChoices, type AttentionChoice } from '@longhaul/attention';
import { allowedFor, faultsOfRules, faultsOfTenants, requireAllowed, type AttentionRules } from './attention-rules.js';

const rulesOf = (preset: AttentionRules['default'], ...allowed: AttentionChoice[]): AttentionRules => ({
  default: preset,
  allowed: new Set(allowed),
});
const tenantOf = (policies: AttentionChoice[] | null, defaultPolicy: Tenant['defaultPolicy'] = null): Tenant => ({
  ...unlimited('t'),
  policies: policies && new Set(policies),
  defaultPolicy,
});
const all = rulesOf('dense', ...attentionChoices);

describe('the rules of a server', () => {
  it('allow their own default', () => {
    expect(faultsOfRules(all)).toEqual([]);
    expect(faultsOfRules(rulesOf('fast', 'dense', 'balanced'))).toEqual([
      '--attention-default: fast is not in --attention-allowed (dense, balanced)',
    ]);
  });
});

describe('what a tenant may use', () => {
  it('is all that the server allows, unless its file says less', () => {
    expect(allowedFor(tenantOf(null), rulesOf('dense', 'custom', 'dense'))).toEqual(['dense', 'custom']);
    expect(allowedFor(tenantOf(['fast', 'dense']), all)).toEqual(['dense', 'fast']);
  });

  it.each<[string, Tenant, AttentionRules, string]>([
    [
      'what the server allows to nobody',
      tenantOf(['dense', 'fast', 'custom']),
      rulesOf('dense', 'dense', 'balanced'),
      'tenants[1].policies: --attention-allowed has no fast, custom',
    ],
    [
      'a default of its own that it may not use',
      tenantOf(['dense'], 'fast'),
      all,
      'tenants[1].default_policy: is not among what the tenant may use (dense)',
    ],
    [
      'a default of its own that the server does not allow',
      tenantOf(null, 'fast'),
      rulesOf('dense', 'dense'),
      'tenants[1].default_policy: is not among what the tenant may use (dense)',
    ],
    [
      'no way to ask without a word',
      tenantOf(['fast', 'custom']),
      all,
      'tenants[1].policies: lack dense, which requests get that say nothing; give a default_policy',
    ],
  ])('is refused at the start with %s', (_, tenant, rules, fault) => {
    expect(faultsOfTenants([tenantOf(null), tenant], rules)).toEqual([fault]);
  });

  it('may leave the default of the server out where it has its own', () => {
    expect(faultsOfTenants([tenantOf(['fast'], 'fast')], all)).toEqual([]);
  });

  it('is told to others by what there is: to a tenant as a matter of rights, to everybody as one of the server', () => {
    const ask = (choice: AttentionChoice, tenant: Tenant, rules: AttentionRules) => () =>
      requireAllowed(choice, tenant, rules);
    expect(ask('fast', tenantOf(['fast']), all)).not.toThrow();
    expect(ask('custom', tenantOf(['dense']), all)).toThrow(
      expect.objectContaining({ code: 'PERMISSION_DENIED', reason: 'POLICY_NOT_ALLOWED', field: 'attention' }),
    );
    expect(ask('balanced', tenantOf(['dense']), rulesOf('dense', 'dense', 'custom'))).toThrow(
      expect.objectContaining({
        ...{ code: 'INVALID_ARGUMENT', reason: 'NOT_SUPPORTED', field: 'attention' },
        message: 'This server takes no request for the policy balanced; there is dense.',
      }),
    );
  });
});
