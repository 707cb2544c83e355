import { describe, expect, it } from '@jest/globals';
import { memoryTrend } from './memory-trend.js';

describe('memoryTrend', () => {
  it('leaves out the start and compares medians', () => {
    const trend = memoryTrend([1, 50, 100, 100, 100, 400, 110, 110]);
    expect(trend).toMatchObject({ earlyBytes: 100, lateBytes: 110 });
    expect(trend?.growth).toBeCloseTo(0.1);
  });

  it('says nothing about a handful of samples', () => {
    expect(memoryTrend([1, 2, 3])).toBeNull();
  });
});
