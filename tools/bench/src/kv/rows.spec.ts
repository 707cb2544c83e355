import { describe, expect, it } from '@jest/globals';
import { toRow } from './rows.js';

const EITHER = 'ours >= 1 or ratio >= N';

describe('a row of the KV benchmark', () => {
  it('reads a bar that is a number as its program means it', () => {
    const raw = { case: 'put', ours: 0.5, peer: 1, ratio: 0.5, bar: 0.4 };
    expect(toRow(raw, EITHER)).toEqual({ ...raw, bar: 'ours >= 1 or ratio >= 0.4', met: true });
    expect(toRow({ ...raw, ratio: 0.39 }, EITHER).met).toBe(false);
    expect(toRow({ ...raw, ours: 1, ratio: 0.1 }, EITHER).met).toBe(true);
    expect(toRow(raw, 'ours >= N').met).toBe(true);
  });

  it('reads a bar that is a comparison as one of our own figure', () => {
    const raw = { case: 'bytes per block', ours: 100, bar: '<= 100' };
    expect(toRow(raw, EITHER)).toMatchObject({ bar: 'ours <= 100', met: true, peer: null, ratio: null });
    expect(toRow({ ...raw, bar: '< 100' }, EITHER).met).toBe(false);
  });

  it('is neither met nor missed without a bar', () => {
    for (const bar of ['none', null, undefined]) {
      expect(toRow({ case: 'rate', ours: 1, ...(bar === undefined ? {} : { bar }) }, EITHER).met).toBeNull();
    }
  });

  it('is refused when it has no figure or a bar that says nothing', () => {
    expect(() => toRow({ case: 'rate', ours: NaN, bar: 'none' }, EITHER)).toThrow('no result');
    expect(() => toRow({ case: 'rate', ours: 1, bar: 'fast' }, EITHER)).toThrow('no bar');
    expect(toRow({ case: 'rate', ours: 1, bar: 0.4 }, 'ratio >= N').met).toBe(false);
  });
});
