import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dequantiseRows, quantiseRows } from './quantise-rows.js';

/** Values this small may be lost: their scale has no half. */
const TINY = 2 ** -17;
/** Half a step, and what the rounding of the scale to a half adds for the largest value. */
const STEPS = 0.5 + 127 * 2 ** -11;

const rows = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 80 }))
  .chain(([count, columns]) =>
    fc
      .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: count * columns, maxLength: count * columns })
      .map((values) => ({ columns, values: Float32Array.from(values) })),
  );

function largest(values: Float32Array): number {
  return values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
}

/** Deterministic values of a bell shape, as weights have. */
function bell(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    [1, 2, 3, 4].reduce((sum, k) => sum + Math.sin(i * k * 12.9898 + k), 0),
  );
}

function relativeError(values: Float32Array, columns: number, bits: 4 | 8): number {
  const back = dequantiseRows(quantiseRows(values, columns, bits));
  const error = values.reduce((sum, value, i) => sum + (value - (back[i] ?? 0)) ** 2, 0);
  return Math.sqrt(error / values.reduce((sum, value) => sum + value * value, 0));
}

describe('quantiseRows', () => {
  it('int8 is off by about half a step of its block at most', () => {
    fc.assert(
      fc.property(rows, ({ columns, values }) => {
        const back = dequantiseRows(quantiseRows(values, columns, 8));
        for (let start = 0; start < values.length; start += columns) {
          for (let from = start; from < start + columns; from += 32) {
            const block = values.subarray(from, Math.min(from + 32, start + columns));
            const step = largest(block) / 127;
            block.forEach((value, i) =>
              expect(Math.abs(value - (back[from + i] ?? 0))).toBeLessThanOrEqual(step * STEPS + TINY),
            );
          }
        }
      }),
    );
  });

  it('int4 is never worse than the plain scale of its largest value', () => {
    fc.assert(
      fc.property(rows, ({ columns, values }) => {
        const back = dequantiseRows(quantiseRows(values, columns, 4));
        for (let start = 0; start < values.length; start += columns) {
          for (let from = start; from < start + columns; from += 32) {
            const block = values.subarray(from, Math.min(from + 32, start + columns));
            const plain = largest(block) / 7;
            const squares = (at: (value: number, i: number) => number) =>
              block.reduce((sum, value, i) => sum + (value - at(value, i)) ** 2, 0);
            const fitted = squares((_, i) => back[from + i] ?? 0);
            const simple = squares((value) => (plain === 0 ? 0 : Math.round(value / plain) * plain));
            // The fitted scale is rounded to a half, off by 2^-11 of itself.
            const rounding = squares(() => 0) * 2 ** -20;
            expect(fitted).toBeLessThanOrEqual(simple + rounding + 1e-6);
          }
        }
      }),
    );
  });

  it('bell-shaped weights lose under 1 % in int8 and under 10 % in int4', () => {
    expect(relativeError(bell(32_768), 256, 8)).toBeLessThan(0.01);
    expect(relativeError(bell(32_768), 256, 4)).toBeLessThan(0.1);
  });

  it('packs four-bit values low nibble first and fills a short block with the zero point', () => {
    const { values, scales, format } = quantiseRows(Float32Array.from([-8, 7, 0]), 3, 4);
    expect(format).toMatchObject({ rows: 1, blocksPerRow: 1, bytesPerBlock: 16 });
    expect(dequantiseRows({ values, scales, format })).toEqual(Float32Array.from([-8, 7, 0]));
    expect(values[0]).toBe(0xf0);
    expect([...values.subarray(1)]).toEqual(new Array(15).fill(0x88));
  });

  it('rows of zeros have a zero scale and stay zeros', () => {
    for (const bits of [4, 8] as const) {
      const quantised = quantiseRows(new Float32Array(64), 64, bits);
      expect([...quantised.scales]).toEqual([0, 0]);
      expect(dequantiseRows(quantised)).toEqual(new Float32Array(64));
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses %p', (value) => {
    for (const bits of [4, 8] as const) {
      expect(() => quantiseRows(Float32Array.from([1, value]), 2, bits)).toThrow(RangeError);
    }
  });
});
