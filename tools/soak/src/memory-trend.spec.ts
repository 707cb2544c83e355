import { describe, expect, it } from '@jest/globals';
import { memoryTrend } from './memory-trend.js';

describe('memoryTrend', () => {
  it('leaves out the start and compares peaks', () => {
    const trend = memoryTrend([500, 50, 100, 90, 60, 110, 40, 70]);
    expect(trend).toMatchObject({ earlyPeakBytes: 100, latePeakBytes: 110 });
    expect(trend?.growth).toBeCloseTo(0.1);
  });

  it('calls a saw-tooth flat wherever its teeth fall', () => {
    const teeth = (offset: number) => Array.from({ length: 40 }, (_, i) => 100 + 10 * ((i + offset) % 9));
    for (let offset = 0; offset < 9; offset++) expect(memoryTrend(teeth(offset))?.growth).toBe(0);
  });

  it('says nothing about a handful of samples', () => {
    expect(memoryTrend([1, 2, 3])).toBeNull();
  });
});
