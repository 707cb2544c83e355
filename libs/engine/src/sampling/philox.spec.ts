import { describe, expect, it } from '@jest/globals';
import { gumbelNoise, philox4x32 } from './philox.js';

describe('philox4x32', () => {
  it('gives the published words', () => {
    expect(philox4x32([0, 0, 0, 0], 0n)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox4x32([ones, ones, ones, ones], 0xffffffffffffffffn)).toEqual([
      0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
    ]);
    expect(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 0x299f31d0a4093822n)).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });
});

describe('gumbelNoise', () => {
  it('has the mean and variance of the standard Gumbel distribution', () => {
    const draws = Array.from({ length: 40_000 }, (_, i) =>
      gumbelNoise({ seed: 9n, stream: i % 3, position: i >> 6 }, i),
    );
    const mean = draws.reduce((sum, g) => sum + g, 0) / draws.length;
    const variance = draws.reduce((sum, g) => sum + (g - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.5772)).toBeLessThan(0.03);
    expect(Math.abs(variance - Math.PI ** 2 / 6)).toBeLessThan(0.06);
  });

  it('takes a negative seed as its 64-bit pattern', () => {
    const at = { stream: 0, position: 1 };
    expect(gumbelNoise({ ...at, seed: -1n }, 3)).toBe(gumbelNoise({ ...at, seed: 2n ** 64n - 1n }, 3));
  });
});
