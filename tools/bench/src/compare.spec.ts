import { describe, expect, it } from '@jest/globals';
import { compare, type Round } from './compare.js';
import { median, table } from './report.js';

const benchCase = { name: 'decode', bar: 2 };
const round = (ours: number, on: number, off: number): Round => ({
  ours,
  peers: new Map([
    ['fa on', on],
    ['fa off', off],
  ]),
});

describe('a comparison', () => {
  it('counts the setting of the peer that is best over all rounds', () => {
    const result = compare(benchCase, [round(30, 10, 12), round(30, 10, 15), round(30, 40, 12)]);
    expect(result.peerSetting).toBe('fa off');
    expect(result.peer).toBe(12);
  });

  it('takes the ratio within each round, not of the medians', () => {
    const result = compare(benchCase, [round(20, 10, 1), round(5, 5, 1), round(90, 30, 1)]);
    expect(result.ratio).toBe(2);
    expect(result.spread).toEqual([1, 3]);
    expect(result.met).toBe(true);
  });

  it('is neither met nor missed without a bar', () => {
    expect(compare({ name: 'decode', bar: null }, [round(20, 10, 1)]).met).toBeNull();
    expect(compare({ name: 'decode', bar: 2.5 }, [round(20, 10, 1)]).met).toBe(false);
  });
});

describe('a report', () => {
  it('has the middle value of odd and even counts', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('lines columns up', () => {
    expect(
      table([
        ['a', 'bb'],
        ['cc', '1'],
      ]),
    ).toBe('a   bb\ncc   1');
  });
});
