import { describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import { checkSpeculation } from './speculation.js';

const drafts = { kind: 'lookup', maxDraftTokens: 8 } as const;

describe('drafts', () => {
  it('are allowed by policies that choose anew at every step', () => {
    for (const attention of [DENSE, { preset: 'balanced' as const }, { plans: [] }]) {
      expect(() => checkSpeculation(drafts, attention)).not.toThrow();
    }
  });

  it('are refused with a policy that keeps lists from step to step, by its name', () => {
    expect(() => checkSpeculation(drafts, { preset: 'fast' })).toThrow(
      expect.objectContaining({
        ...{ code: 'INVALID_ARGUMENT', field: 'speculation' },
        message: expect.stringMatching(/^The policy fast keeps lists or sums from step to step/),
      }),
    );
  });
});
