import { describe, expect, it } from '@jest/globals';
import { jsonSlices } from './json-slices.js';
import { LazyList, LazyText } from './lazy-list.js';

const tree = {
  id: 'a"b',
  left: undefined,
  none: null,
  list: [1, { text: new LazyText(['ä\n', '🙂', '"']) }, []],
  items: LazyList.map([1, 2, 3], (n) => ({ n, s: '\u2028' })),
  more: LazyList.concat(
    [1],
    LazyList.map([2], (n) => n),
  ),
  empty: LazyList.map([], () => 0),
};

describe('an answer in slices', () => {
  it('is the JSON that JSON.stringify makes of it', () => {
    for (const sliceUnits of [1, 7, 65_536]) {
      expect([...jsonSlices(tree, sliceUnits)].join('')).toBe(JSON.stringify(tree));
    }
    for (const value of [null, 'x', 5, [], {}]) expect([...jsonSlices(value)].join('')).toBe(JSON.stringify(value));
  });

  it('makes no item before the slice that it goes into', () => {
    let made = 0;
    const items = LazyList.map(Array.from({ length: 1000 }), () => {
      made++;
      return 'x'.repeat(98);
    });
    const slices = jsonSlices({ items }, 1000);
    for (let slice = 1; slice <= 50; slice++) {
      slices.next();
      expect(made).toBeLessThanOrEqual(slice * 10 + 1);
    }
  });
});
