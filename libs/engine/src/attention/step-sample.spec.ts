import { describe, expect, it } from '@jest/globals';
import { isStepSampled } from './step-sample.js';

const sampled = (key: bigint, share: number, choice = 0) =>
  Array.from({ length: 20_000 }, (_, position) => position).filter((position) =>
    isStepSampled(key, { choice, position }, share),
  );

describe('the steps that are compared', () => {
  it('are about as many as the share says: none of 0, all of 1', () => {
    expect([0, 1].map((share) => sampled(7n, share).length)).toEqual([0, 20_000]);
    const tenth = sampled(7n, 0.1).length;
    expect(tenth).toBeGreaterThan(1800);
    expect(tenth).toBeLessThan(2200);
  });

  it('follow from prompt, choice and position, and a smaller share has some of those of a larger one', () => {
    const some = sampled(7n, 0.01);
    expect(sampled(7n, 0.01)).toEqual(some);
    expect(sampled(8n, 0.01)).not.toEqual(some);
    expect(sampled(7n, 0.01, 1)).not.toEqual(some);
    expect(sampled(7n, 0.1)).toEqual(expect.arrayContaining(some));
  });
});
