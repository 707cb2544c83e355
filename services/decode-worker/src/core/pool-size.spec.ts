import { describe, expect, it } from '@jest/globals';
import { poolPages } from './pool-size.js';

const demand = { contextTokens: 1000, pageTokens: 16, pageBytes: 1024, freeBytes: 2 ** 20 };

describe('poolPages', () => {
  it('takes what is asked for, in tokens or bytes, but not both', () => {
    expect(poolPages({ ...demand, askedTokens: 33 })).toBe(3);
    expect(poolPages({ ...demand, askedBytes: 10 * 1024 + 5 })).toBe(10);
    expect(() => poolPages({ ...demand, askedTokens: 1, askedBytes: 1 })).toThrow(/exclude each other/);
    expect(() => poolPages({ ...demand, askedBytes: 5 })).toThrow(/at least one page/);
  });

  it('holds four contexts where memory allows, and one context at least', () => {
    expect(poolPages({ ...demand, freeBytes: 2 ** 30 })).toBe(4 * 63);
    expect(poolPages({ ...demand, freeBytes: 70 * 1024 })).toBe(63);
  });

  it('refuses what cannot fit, with the numbers', () => {
    expect(() => poolPages({ ...demand, freeBytes: 60 * 1024 })).toThrow(/needs 64512 bytes, but 61440 are free/);
  });
});
