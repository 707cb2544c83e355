import { describe, expect, it } from '@jest/globals';
import { loadGroups } from './load-groups.js';

const sizes = (...parts: Parameters<typeof loadGroups>): number[] =>
  loadGroups(...parts).map(({ begin, end }) => end - begin);

describe('the streams of a load', () => {
  it.each([
    ['nothing', [0, 32, 0], []],
    ['less than a group', [5, 32, 0], [5]],
    ['whole groups', [96, 32, 0], [32, 32, 32]],
    ['a short first group, so that the last is whole', [70, 32, 0], [6, 32, 32]],
    ['a last one as long as can be hidden', [100, 32, 50], [18, 32, 50]],
    ['one, when all of it can be hidden', [100, 32, 500], [100]],
  ] as const)('are %s', (_, [blocks, group, last], expected) => {
    expect(sizes(blocks, group, last)).toEqual(expected);
  });

  it('follow each other from the first block to the last', () => {
    for (let blocks = 1; blocks < 200; blocks += 7) {
      let at = 0;
      for (const { begin, end } of loadGroups(blocks, 16, blocks % 40)) {
        expect(begin).toBe(at);
        expect(end).toBeGreaterThan(begin);
        at = end;
      }
      expect(at).toBe(blocks);
    }
  });
});
