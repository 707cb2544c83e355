import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { branchesOf } from './branch-range.js';
import { methodCards } from './methods/index.js';

const pair = fc.tuple(fc.nat(5000), fc.nat(5000)).map(([a, b]) => ({ query: Math.max(a, b), key: Math.min(a, b) }));
const plans = methodCards.flatMap(({ id, policy }) => policy.plans.map((plan, i) => [`${id} ${i}`, plan] as const));

describe('branches', () => {
  it.each(plans)('of %s take every visible key once, and no other', (_, plan) => {
    fc.assert(
      fc.property(pair, ({ query, key }) => {
        expect(branchesOf(plan, { query, key })).toHaveLength(1);
        if (key < query) expect(branchesOf(plan, { query: key, key: query })).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('of sinks and windows of any size are disjoint, and leave the middle what neither takes', () => {
    fc.assert(
      fc.property(pair, fc.nat(6000), fc.nat(6000), ({ query, key }, sink, window) => {
        const branches = [
          { range: 'sink', tokens: sink } as const,
          { range: 'window', tokens: window } as const,
          { range: 'middle', selector: { rule: 'none' } } as const,
        ];
        const expected = key < sink ? 0 : query - key < window ? 1 : 2;
        expect(branchesOf({ branches }, { query, key })).toEqual([expected]);
      }),
    );
  });
});
