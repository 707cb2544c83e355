import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadOrRecompute, type LoadQuestion, type LoadSpan } from './load-or-recompute.js';

const MIB = 2 ** 20;
const span = (fields: Partial<LoadSpan> = {}): LoadSpan => ({
  blocks: 32,
  bytes: 32 * 8 * MIB,
  bytesPerSecond: 2e9,
  roundTripMicros: 500,
  ...fields,
});

/** An 8B model: 38 us a token at 2K and 207 us at 128K on a fast processor, 200 times that on a slow one. */
const fast = { baseMicros: 35, positionMicros: 0.0013 };
const slow = { baseMicros: 7000, positionMicros: 0.26 };
const base: LoadQuestion = { spans: [span()], speed: fast, blockTokens: 64, firstPosition: 0 };

describe('load or recompute', () => {
  it('a slow processor loads all from any tier', () => {
    const spans = [span(), span({ bytesPerSecond: 5e8 }), span({ bytesPerSecond: 5e7, roundTripMicros: 50_000 })];
    expect(loadOrRecompute({ ...base, speed: slow, spans }).blocks).toBe(96);
  });

  it('a fast processor computes a short prefix rather than wait for a slow store', () => {
    const spans = [span({ bytesPerSecond: 5e8, roundTripMicros: 50_000 })];
    expect(loadOrRecompute({ ...base, spans })).toMatchObject({ blocks: 0, loadMicros: 0, savedMicros: 0 });
  });

  it('loads the fast tier and computes what lies in the slow one', () => {
    const spans = [span({ bytesPerSecond: 2e10 }), span({ bytesPerSecond: 1e8 })];
    expect(loadOrRecompute({ ...base, spans }).blocks).toBe(32);
  });

  it('loads early tokens at a loss when late ones repay it', () => {
    const spans = [span({ blocks: 2000, bytes: 2000 * 8 * MIB, bytesPerSecond: 1.7e9 })];
    expect(loadOrRecompute({ ...base, spans }).blocks).toBe(2000);
    expect(loadOrRecompute({ ...base, spans: [span({ bytesPerSecond: 1.7e9 })] }).blocks).toBe(0);
  });

  it('nothing matched is nothing to load', () => {
    expect(loadOrRecompute({ ...base, spans: [] }).blocks).toBe(0);
    expect(loadOrRecompute({ ...base, spans: [span({ blocks: 0, bytes: 0 })] }).blocks).toBe(0);
  });

  it('is never worse than any other number of blocks, and never worse than computing all', () => {
    const spans = fc.array(
      fc.record({
        blocks: fc.nat(20),
        bytes: fc.nat(1e8),
        bytesPerSecond: fc.integer({ min: 1e6, max: 1e10 }),
        roundTripMicros: fc.nat(100_000),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        spans,
        fc.nat(5000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (tiers, baseMicros, positionMicros) => {
          const question = { ...base, spans: tiers, speed: { baseMicros, positionMicros } };
          const decision = loadOrRecompute(question);
          const took = decision.loadMicros + decision.recomputeMicros;
          for (let blocks = 0; blocks <= tiers.reduce((n, t) => n + t.blocks, 0); blocks++) {
            expect(took).toBeLessThanOrEqual(naiveMicros(question, blocks) * (1 + 1e-9));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['spans[0].bytesPerSecond', { spans: [span({ bytesPerSecond: 0 })] }],
    ['spans[0].bytes', { spans: [span({ bytes: NaN })] }],
    ['speed.baseMicros', { speed: { baseMicros: -1, positionMicros: 0 } }],
    ['blockTokens', { blockTokens: 0 }],
  ])('refuses an impossible %s', (field, fields) => {
    expect(() => loadOrRecompute({ ...base, ...fields })).toThrow(
      expect.objectContaining({ reason: 'INVALID_ARGUMENT', field }),
    );
  });
});

/** Token by token and block by block. */
function naiveMicros({ spans, speed, blockTokens }: LoadQuestion, blocks: number): number {
  let micros = 0;
  let number = 0;
  for (const tier of spans) {
    for (let n = 0; n < tier.blocks; n++, number++) {
      if (number < blocks) {
        micros += (n === 0 ? tier.roundTripMicros : 0) + (tier.bytes / tier.blocks / tier.bytesPerSecond) * 1e6;
        continue;
      }
      for (let t = 0; t < blockTokens; t++)
        micros += speed.baseMicros + speed.positionMicros * (number * blockTokens + t);
    }
  }
  return micros;
}
