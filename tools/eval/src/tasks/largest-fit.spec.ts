import { describe, expect, it } from '@jest/globals';
import { largestFit } from './largest-fit.js';

const fit = (budget: number, count: (units: number) => number, most?: number) =>
  largestFit({ task: 'task', budget, least: 1, count, ...(most === undefined ? {} : { most }) });

describe('largestFit', () => {
  it('finds the most units that fit: one more does not', () => {
    for (const perUnit of [1, 3, 7.3, 29, 1000]) {
      const count = (units: number): number => Math.round(100 + units * perUnit);
      for (const budget of [1200, 4096, 32_768, 131_072]) {
        const units = fit(budget, count);
        expect(count(units)).toBeLessThanOrEqual(budget);
        expect(count(units + 1)).toBeGreaterThan(budget);
      }
    }
  });

  it('ends where tokens do not grow evenly', () => {
    const count = (units: number): number => 10 + units ** 2 + (units % 3);
    const units = fit(100_000, count);
    expect(count(units)).toBeLessThanOrEqual(100_000);
    expect(count(units + 1)).toBeGreaterThan(100_000);
  });

  it('counts a few times only, however long the prompt is', () => {
    let counts = 0;
    fit(131_072, (units) => {
      counts++;
      return 200 + units * 23 + (units % 2);
    });
    expect(counts).toBeLessThan(16);
  });

  it('takes all there is where all fits', () => {
    expect(fit(1000, (units) => units * 10, 7)).toBe(7);
  });

  it('refuses a length that is too short, naming what is needed', () => {
    expect(() => fit(50, (units) => 90 + units)).toThrow(
      expect.objectContaining({ reason: 'LENGTH_TOO_SHORT', details: { task: 'task', needed: 91, budget: 50 } }),
    );
  });
});
