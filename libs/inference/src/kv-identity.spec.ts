import { describe, expect, it } from '@jest/globals';
import { checkPolicy, checkQuality, defaultPolicy, policies, qualityNames, worseQuality } from './kv-identity.js';

describe('policies', () => {
  it('have dense and exact as the one that names no arithmetic of its own', () => {
    expect(policies[defaultPolicy]).toEqual({ numerics: '', quality: 'exact', drafts: true });
  });

  it('are known by name; another one is refused with those that there are, and not repeated at length', () => {
    expect(checkPolicy('longhaul.policy', 'dense')).toBe('dense');
    for (const name of ['', 'Dense', 'toString', '__proto__', 'x'.repeat(1e6)]) {
      const asked = () => checkPolicy('longhaul.policy', name);
      expect(asked).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field: 'longhaul.policy' }));
      expect(asked).toThrow(/^longhaul\.policy is ".{0,64}"; it must be dense\.$/);
    }
  });
});

describe('quality classes', () => {
  it('are ordered: of two the less exact one counts', () => {
    for (const [i, a] of qualityNames.entries()) {
      for (const [k, b] of qualityNames.entries()) expect(worseQuality(a, b)).toBe(qualityNames[Math.max(i, k)]);
    }
  });

  it('that there are not are refused with those that there are', () => {
    const message = 'quality is "best"; it must be one of exact, near, lossy, derived, sparse.';
    expect(() => checkQuality('quality', 'best')).toThrow(expect.objectContaining({ field: 'quality', message }));
  });
});
