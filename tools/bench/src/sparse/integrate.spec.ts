import { describe, expect, it } from '@jest/globals';
import { integrate } from './integrate.js';

describe('the time of a prompt from rates at depth', () => {
  it('is tokens over rate where the rate is the same everywhere', () => {
    const rates = [0, 100, 400].map((depth) => ({ depth, tokensPerSecond: 10 }));
    expect(integrate(rates, 500)).toBeCloseTo(50);
  });

  it('is exact for a time that grows evenly with depth, as that of dense attention does', () => {
    const secondsAt = (depth: number): number => 0.001 + depth * 1e-6;
    const rates = [0, 300, 1000].map((depth) => ({ depth, tokensPerSecond: 1 / secondsAt(depth) }));
    expect(integrate(rates, 1000)).toBeCloseTo(1000 * secondsAt(500), 9);
  });

  it('takes no rate for what lies before it', () => {
    expect(() => integrate([{ depth: 5, tokensPerSecond: 1 }], 10)).toThrow('depth 0');
  });
});
