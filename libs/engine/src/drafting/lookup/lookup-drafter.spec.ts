import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LookupDrafter } from './lookup-drafter.js';

const propose = (text: readonly number[], most = 8): number[] => [
  ...new LookupDrafter(text.length).propose(Int32Array.from(text), most),
];

describe('prompt lookup', () => {
  it('proposes what followed the last tokens before', () => {
    expect(propose([1, 2, 3, 4, 5, 6, 9, 1, 2, 3], 3)).toEqual([4, 5, 6]);
  });

  it('proposes nothing for less than three tokens in common, or a text too short to repeat', () => {
    expect(propose([1, 2, 3, 9, 2, 3])).toEqual([]);
    expect(propose([1, 2, 3])).toEqual([]);
    expect(propose([7])).toEqual([]);
  });

  it('prefers the place with the longest run in common', () => {
    const long = [1, 2, 3, 4, 5, 6, 7, 8];
    expect(propose([...long, 50, 9, 4, 5, 6, 7, 8, 60, 9, 9, ...long], 1)).toEqual([50]);
  });

  it('prefers the latest of equally long runs', () => {
    expect(propose([5, 1, 2, 3, 50, 6, 1, 2, 3, 60, 7, 1, 2, 3], 1)).toEqual([60]);
  });

  it('goes on with a text that repeats itself', () => {
    expect(propose([9, 1, 2, 1, 2, 1, 2, 1], 6)).toEqual([2, 1, 2, 1, 2, 1]);
    expect(propose([4, 4, 4, 4, 4], 5)).toEqual([4, 4, 4, 4, 4]);
  });

  it('trusts a short run with a short draft', () => {
    const tail = Array.from({ length: 20 }, (_, i) => 100 + i);
    expect(propose([1, 2, 3, ...tail, 9, 1, 2, 3], 32)).toEqual(tail.slice(0, 7));
  });

  it('learns a long prompt over several calls, and the text as it grows', () => {
    const text = Int32Array.from({ length: 20_000 }, (_, i) => i);
    text.copyWithin(19_990, 5, 15);
    const drafter = new LookupDrafter(30_000);
    expect([drafter.propose(text, 2), drafter.propose(text, 2)].map((draft) => draft.length)).toEqual([0, 0]);
    expect([...drafter.propose(text, 2)]).toEqual([15, 16]);
    expect([...drafter.propose(Int32Array.from([...text, 15]), 2)]).toEqual([16, 17]);
  });

  it('holds some 12 bytes a token and a bounded table', () => {
    const drafter = new LookupDrafter(1_000_000);
    const text = new Int32Array(8192);
    drafter.propose(text, 1);
    expect(drafter.bytes).toBeLessThan(3 * 4 * (131_072 + 2 * 8192));
  });

  it('finds what a search of the whole text finds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 60 }), (text) => {
        const [first] = propose(text, 1);
        const candidates = [8, 5, 3].map((size) => latestOf(text, size)).filter((found) => found.length > 0);
        if (candidates.length === 0) expect(first).toBeUndefined();
        else expect(candidates[0]).toContain(first);
      }),
      { seed: 3 },
    );
  });
});

/** What follows the runs of `size` tokens that equal the last ones. */
function latestOf(text: readonly number[], size: number): number[] {
  const tail = text.slice(-size).join();
  const ends = text.flatMap((_, end) => (end + 1 < text.length && end + 1 >= size ? [end] : []));
  return ends
    .filter((end) => text.slice(end + 1 - size, end + 1).join() === tail)
    .map((end) => text[end + 1] as number);
}
