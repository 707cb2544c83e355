import { describe, expect, it } from '@jest/globals';
import { flipBits } from './flip-bits.js';

/** The suite runs a share; `KV_BIT_FLIPS=10000` runs them all (see the README). */
const FLIPS = Number(process.env['KV_BIT_FLIPS'] ?? 200);

describe('a single flipped bit', () => {
  it.each(['ram', 'disk'] as const)(
    'in the bytes of the %s tier is never served, and is counted',
    async (tier) => {
      const report = await flipBits(tier, FLIPS, 11);
      expect(report).toMatchObject({ flips: FLIPS, served: 0 });
      expect(report.counted + report.unread).toBe(FLIPS);
      expect(report.counted).toBeGreaterThan(FLIPS / 2);
      if (FLIPS > 1000) console.log(JSON.stringify({ tier, ...report }));
    },
    600_000,
  );
});
