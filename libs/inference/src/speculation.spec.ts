import { describe, expect, it } from '@jest/globals';
import { policies, policyNames } from './kv-identity.js';
import { checkSpeculation, requireDrafts } from './speculation.js';

describe('drafts', () => {
  it('are allowed by every policy that computes the same for several tokens at once as one by one', () => {
    for (const policy of policyNames) {
      const ask = () => checkSpeculation({ kind: 'lookup', maxDraftTokens: 8 }, policy);
      if (policies[policy].drafts) expect(ask).not.toThrow();
      else expect(ask).toThrow(expect.objectContaining({ field: 'speculation' }));
    }
  });

  it('are refused with a policy that forbids them, by name and with those that do not', () => {
    const facts = { dense: { drafts: true }, evicting: { drafts: false } };
    expect(() => requireDrafts('dense', facts)).not.toThrow();
    expect(() => requireDrafts('evicting', facts)).toThrow(
      expect.objectContaining({
        ...{ code: 'INVALID_ARGUMENT', field: 'speculation' },
        message: 'The policy evicting allows no drafted tokens; leave speculation out, or use dense.',
      }),
    );
  });
});
