import { describe, expect, it } from '@jest/globals';
import { DENSE, type WrittenPolicy } from '@longhaul/attention';
import { defaultLimits } from '../limits.js';
import { simulatedShape } from '../testing/policies.js';
import { SimulatedRunner } from '../testing/simulated-runner.js';
import { CompiledPolicies } from './compiled-policies.js';

/** As many different ones as one likes. */
function numbered(number: number): WrittenPolicy {
  return { name: `p-${number}`, plans: [] };
}

describe('compiled policies', () => {
  const of = () => {
    const policies = new CompiledPolicies({
      runner: new SimulatedRunner(1),
      limits: defaultLimits,
      shape: simulatedShape,
    });
    return (spec: WrittenPolicy) => policies.of(spec);
  };

  it('are made once, and made again when 64 others have been asked for since', () => {
    const compiled = of();
    const [first, second] = [compiled(numbered(0)), compiled(numbered(1))];
    for (let i = 2; i < 64; i++) compiled(numbered(i));
    expect(compiled(numbered(0))).toBe(first);
    compiled(numbered(64));
    expect(compiled(numbered(0))).toBe(first);
    expect(compiled(numbered(1))).not.toBe(second);
    expect(compiled(numbered(1))).toEqual(second);
  });

  it('that are refused are remembered no more than others, and dense is always there', () => {
    const policies = new CompiledPolicies({ runner: new SimulatedRunner(1), limits: defaultLimits, shape: null });
    const dense = policies.of(DENSE);
    for (let i = 0; i < 70; i++) expect(() => policies.of(numbered(i))).toThrow();
    expect(policies.of({ preset: 'dense' })).toBe(dense);
  });
});
