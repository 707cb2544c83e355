import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { klDivergence, MOST_KL } from './kl-divergence.js';

const logits = (probabilities: readonly number[]) => Float32Array.from(probabilities, Math.log);
const anyLogits = fc.float32Array({ minLength: 5, maxLength: 5, min: -50, max: 50, noNaN: true });

describe('the divergence of two distributions of the next token', () => {
  it('is the mean of the logarithm that is lost, in nats', () => {
    const expected = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75);
    expect(klDivergence(logits([0.5, 0.5]), logits([0.25, 0.75]))).toBeCloseTo(expected, 6);
    expect(klDivergence(logits([1, 0]), logits([0.5, 0.5]))).toBeCloseTo(Math.log(2), 6);
  });

  it('is 0 for equal ones, whatever is added to all logits', () => {
    fc.assert(
      fc.property(anyLogits, fc.integer({ min: -100, max: 100 }), (z, shift) => {
        expect(klDivergence(z, z)).toBe(0);
        expect(
          klDivergence(
            z,
            z.map((each) => each + shift),
          ),
        ).toBeLessThan(1e-4);
      }),
    );
  });

  it('is never negative, and never beyond its bound', () => {
    fc.assert(
      fc.property(anyLogits, anyLogits, (a, b) => {
        expect(klDivergence(a, b)).toBeGreaterThanOrEqual(0);
        expect(klDivergence(a, b)).toBeLessThanOrEqual(MOST_KL);
      }),
    );
  });

  it('costs nothing for tokens that dense attention excludes, and the bound for those that the other one does', () => {
    expect(klDivergence(Float32Array.of(0, -Infinity), Float32Array.of(0, -Infinity))).toBe(0);
    expect(klDivergence(Float32Array.of(0, -Infinity), Float32Array.of(0, 0))).toBeCloseTo(Math.log(2), 6);
    expect(klDivergence(Float32Array.of(0, 0), Float32Array.of(0, -Infinity))).toBe(MOST_KL);
  });

  it.each([
    [Float32Array.of(NaN, 0), Float32Array.of(0, 0)],
    [Float32Array.of(0, 0), Float32Array.of(0, NaN)],
    [Float32Array.of(Infinity, 0), Float32Array.of(0, 0)],
    [Float32Array.of(-Infinity, -Infinity), Float32Array.of(0, 0)],
  ])('is the bound where logits are no distribution: %#', (a, b) => {
    expect(klDivergence(a, b)).toBe(MOST_KL);
  });
});
