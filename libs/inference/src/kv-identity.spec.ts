import { describe, expect, it } from '@jest/globals';
import { checkQuality, qualityNames, worseQuality } from './kv-identity.js';

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
