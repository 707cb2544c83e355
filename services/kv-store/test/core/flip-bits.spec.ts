import { describe, expect, it } from '@jest/globals';
import { flipBits } from './flip-bits.js';

/** Through the core alone; `npm run bitflips` flips in memory, files and the wire of the whole service. */
const FLIPS = 200;

describe('a single flipped bit', () => {
  it.each(['ram', 'disk'] as const)('in the bytes of the %s tier is never served, and is counted', async (tier) => {
    const report = await flipBits(tier, FLIPS, 11);
    expect(report).toMatchObject({ flips: FLIPS, served: 0 });
    expect(report.counted + report.unread).toBe(FLIPS);
    expect(report.counted).toBeGreaterThan(FLIPS / 2);
  });
});
