import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PAGE_TOKENS } from '../limits.js';
import { PositionRules, QUERY_BLOCK } from './position-rules.js';

const rules = (alignment: number, exactBelow: number, promptLength: number, exactDecodeBelow = 0) =>
  new PositionRules({ alignment, exactBelow, exactDecodeBelow }, promptLength);

describe('chunks of a text', () => {
  it('end at page boundaries where attention is dense, unless they finish it or are shorter', () => {
    const dense = new PositionRules(null, 1000);
    expect(dense.chunkEnd(0, 100, 1000)).toBe(96);
    expect(dense.chunkEnd(96, 100, 1000)).toBe(100);
    expect(dense.chunkEnd(96, 1000, 1000)).toBe(1000);
  });

  it('end at multiples of the query block, or with the prompt, where a selection looks at the whole block', () => {
    const aligned = rules(QUERY_BLOCK, 0, 1000);
    expect([127, 128, 300, 999].map((limit) => aligned.chunkEnd(0, limit, 1000))).toEqual([0, 128, 256, 896]);
    expect(aligned.chunkEnd(896, 1000, 1000)).toBe(1000);
    expect(aligned.chunkEnd(896, 999, 1000)).toBe(896);
    expect(aligned.leastChunk(256)).toBe(128);
    expect(aligned.leastChunk(896)).toBe(104);
  });

  it('end anywhere in what is dense and in what has been generated', () => {
    const aligned = rules(QUERY_BLOCK, 256, 1000);
    expect([100, 260].map((limit) => aligned.chunkEnd(0, limit, 1100))).toEqual([96, 256]);
    expect(aligned.chunkEnd(256, 300, 1100)).toBe(256);
    expect(aligned.chunkEnd(896, 1005, 1100)).toBe(1005);
    expect(aligned.chunkEnd(1005, 1050, 1100)).toBe(1040);
    expect([0, 1000].map((past) => aligned.leastChunk(past))).toEqual([1, 1]);
  });

  it('never cut a block of queries, and always come to the end of the text', () => {
    const text = fc.record({
      ...{ promptLength: fc.integer({ min: 1, max: 700 }), generated: fc.nat(60) },
      exactBelow: fc.constantFrom(0, 128, 256),
      budget: fc.integer({ min: QUERY_BLOCK, max: 300 }),
    });
    fc.assert(
      fc.property(text, ({ promptLength, generated, exactBelow, budget }) => {
        const aligned = rules(QUERY_BLOCK, exactBelow, promptLength);
        const length = promptLength + generated;
        for (let past = 0, end = 0; past < length; past = end) {
          end = aligned.chunkEnd(past, past + budget, length);
          expect(end).toBeGreaterThanOrEqual(past + Math.min(aligned.leastChunk(past), length - past));
          const free = end <= exactBelow || end >= promptLength || end % QUERY_BLOCK === 0;
          expect([past, end, free]).toEqual([past, end, true]);
        }
      }),
    );
  });
});

describe('pages of others', () => {
  it('are taken up to where a chunk may begin', () => {
    const aligned = rules(QUERY_BLOCK, 256, 1000);
    expect([100, 256, 300, 500, 512].map((tokens) => aligned.cutPages(tokens))).toEqual([96, 256, 256, 384, 512]);
    expect(new PositionRules(null, 1000).cutPages(505)).toBe(496);
  });
});

describe('pages for others', () => {
  it('are all of a dense text', () => {
    expect(new PositionRules(null, 100).shared).toBe(Infinity);
  });

  it('are those of the prompt, without its last block of queries where that is shorter than that of a longer prompt', () => {
    expect(rules(1, 0, 1000).shared).toBe(1000);
    expect(rules(QUERY_BLOCK, 0, 1000).shared).toBe(896);
    expect(rules(QUERY_BLOCK, 0, 1024).shared).toBe(1024);
    expect(rules(QUERY_BLOCK, 2048, 1000).shared).toBe(1000);
  });

  it('have generated tokens only where both phases are dense', () => {
    expect(rules(QUERY_BLOCK, 2048, 1000, 1500).shared).toBe(1500);
    expect(rules(QUERY_BLOCK, 1024, 1000, 1500).shared).toBe(1024);
    expect(rules(1, Infinity, 1000, Infinity).shared).toBe(Infinity);
    expect(rules(1, 0, 1000, Infinity).shared).toBe(1000);
  });

  it('are never given beyond where a chunk may end, so that what follows them can be computed', () => {
    const facts = fc.record({
      exactBelow: fc.constantFrom(0, 128, 512),
      promptLength: fc.integer({ min: 1, max: 900 }),
    });
    fc.assert(
      fc.property(facts, fc.nat(1000), ({ exactBelow, promptLength }, tokens) => {
        const aligned = rules(QUERY_BLOCK, exactBelow, promptLength);
        const end = aligned.cutPages(tokens);
        expect(end % PAGE_TOKENS).toBe(0);
        expect(end).toBeLessThanOrEqual(tokens);
        expect(end <= exactBelow || end >= promptLength || end % QUERY_BLOCK === 0).toBe(true);
      }),
    );
  });
});
