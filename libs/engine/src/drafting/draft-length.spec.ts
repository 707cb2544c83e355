import { describe, expect, it } from '@jest/globals';
import type { StepStats } from '../observer.js';
import { DraftLength } from './draft-length.js';
import { VerificationCost } from './verification-cost.js';

const step = (tokens: number, runMs: number, prefillTokens = 0): StepStats => ({
  ...{ sequences: 1, prefillTokens, decodeTokens: 1, draftTokens: tokens - 1, prefillPairs: 0, gatedSequences: 0 },
  ...{ planMs: 0, runMs, sampleMs: 0, kvReadBytes: 0, waitMs: 0, compareMs: 0, commitMs: 0 },
});

describe('the length of a draft', () => {
  it('is what gives most tokens for the time', () => {
    const lengths = (cost: number): number => new DraftLength().choose(32, cost);
    // Acceptance 0.7, by the closed form of the paper.
    expect([0.05, 0.2].map(lengths)).toEqual([6, 3]);
  });

  it('grows while drafts are right, and shrinks when they are wrong', () => {
    const length = new DraftLength();
    const before = length.choose(32, 0.1);
    for (let i = 0; i < 10; i++) length.observe(8, 8);
    expect(length.choose(32, 0.1)).toBeGreaterThan(before);
    for (let i = 0; i < 20; i++) length.observe(8, 1);
    expect(length.choose(32, 0.1)).toBeLessThan(before);
  });

  it('is none, for a while, where a token costs as much as a step', () => {
    const length = new DraftLength();
    expect(length.choose(32, 1)).toBe(0);
    expect(Array.from({ length: 17 }, () => length.ready())).toEqual([...Array<boolean>(16).fill(false), true]);
  });
});

describe('the cost of a drafted token', () => {
  it('is taken from the times of steps without prompts', () => {
    const cost = new VerificationCost();
    for (let i = 0; i < 60; i++) {
      cost.observe(step(1 + (i % 4), 20 + (1 + (i % 4))));
      cost.observe(step(5, 900, 100));
    }
    expect(cost.relative(1, 1)).toBeCloseTo(1 / 21);
    expect(cost.relative(4, 4)).toBeCloseTo(4 / 24);
  });

  it('rises to a whole step as the batch fills, and with every token where nothing else takes time', () => {
    const cost = new VerificationCost();
    expect(cost.relative(1, 1)).toBeLessThan(0.1);
    expect(cost.relative(1000, 1000)).toBeGreaterThan(0.98);
    for (let i = 0; i < 60; i++) cost.observe(step(1 + (i % 4), 3 * (1 + (i % 4))));
    expect(cost.relative(8, 8)).toBeCloseTo(1);
  });
});
