import { describe, expect, it } from '@jest/globals';
import type { Tier, TierSpan } from '@longhaul/kv-core';
import { blocksLoadedWithin, blocksWorthLoading, LoadSpeed, PrefillSpeed } from './speed.js';

function span(tier: Tier, first: number, count: number, microsPerBlock: number): TierSpan {
  return { tier, first, count, storedBytes: 1000 * count, estimatedLoadMicros: microsPerBlock * count };
}

const expected = ({ estimatedLoadMicros }: TierSpan): number => estimatedLoadMicros;

describe('the speed of prefill', () => {
  it('is unknown until a prompt has been computed', () => {
    const speed = new PrefillSpeed();
    expect([speed.measured, speed.micros(0, 1000)]).toEqual([false, 0]);
  });

  it('tells the share of tokens from that of attention once steps of several depths were seen', () => {
    const speed = new PrefillSpeed();
    for (let depth = 0; depth < 8; depth++) {
      const pairs = 100 * (100 * depth + 50);
      speed.observe({ tokens: 100, pairs, micros: 7 * 100 + 0.02 * pairs });
    }
    expect(speed.micros(1000, 1100)).toBeCloseTo(7 * 100 + 0.02 * 100 * 1050, 3);
  });

  it('is a constant per token while all steps were alike', () => {
    const speed = new PrefillSpeed();
    for (let i = 0; i < 5; i++) speed.observe({ tokens: 32, pairs: 512, micros: 320 });
    expect(speed.micros(5000, 5064)).toBeCloseTo(640);
  });

  it('is never negative, whatever noise says', () => {
    const speed = new PrefillSpeed();
    speed.observe({ tokens: 100, pairs: 1e6, micros: 10 });
    speed.observe({ tokens: 100, pairs: 1e2, micros: 1000 });
    expect(speed.micros(0, 64)).toBeGreaterThan(0);
    expect(speed.micros(1e6, 1e6 + 64)).toBeGreaterThan(0);
  });
});

describe('the speed of loading', () => {
  it('is what the store expects until something was loaded from the tier', () => {
    const speed = new LoadSpeed();
    speed.observe('ram', 1e6, 1000);
    expect(speed.micros(span('disk', 0, 10, 77))).toBe(770);
    expect(speed.micros(span('ram', 0, 10, 77))).toBe(10);
  });

  it('follows measurements', () => {
    const speed = new LoadSpeed();
    for (let i = 0; i < 40; i++) speed.observe('disk', 1e6, i < 20 ? 1000 : 5000);
    expect(speed.bytesPerSecond('disk')).toBeCloseTo(2e8, -7);
  });

  it('that was once slow is doubted as long as nothing is loaded, and what the store expects is tried again', () => {
    const speed = new LoadSpeed();
    const found = span('disk', 0, 10, 1);
    speed.observe('disk', 1000, 1e6);
    expect(speed.micros(found)).toBe(1e7);
    for (let i = 0; i < 100; i++) speed.doubt(found);
    expect(speed.micros(found)).toBeLessThan(15);
  });
});

describe('blocks worth loading', () => {
  it('are none where computing each is faster, all where loading is', () => {
    expect(blocksWorthLoading([span('disk', 0, 10, 100)], expected, () => 99)).toBe(0);
    expect(blocksWorthLoading([span('disk', 0, 10, 100)], expected, () => 101)).toBe(10);
  });

  it('begin with slow ones where late ones make up for them', () => {
    const compute = (block: number): number => 10 * block;
    expect(blocksWorthLoading([span('disk', 0, 10, 40)], expected, compute)).toBe(10);
    expect(blocksWorthLoading([span('disk', 0, 10, 50)], expected, compute)).toBe(0);
  });

  it('end before a tier that is too slow', () => {
    const spans = [span('ram', 0, 6, 1), span('object', 6, 4, 1000)];
    expect(blocksWorthLoading(spans, expected, () => 100)).toBe(6);
  });
});

describe('blocks that arrive within a time', () => {
  it('are counted from the last one chosen, tier by tier', () => {
    const spans = { spans: [span('disk', 0, 6, 10), span('ram', 6, 6, 1)], loadMicros: expected };
    expect(blocksLoadedWithin(0, 12, spans)).toBe(0);
    expect(blocksLoadedWithin(3, 12, spans)).toBe(3);
    expect(blocksLoadedWithin(26, 12, spans)).toBe(8);
    expect(blocksLoadedWithin(26, 7, spans)).toBe(3);
    expect(blocksLoadedWithin(1e9, 12, spans)).toBe(12);
  });
});
