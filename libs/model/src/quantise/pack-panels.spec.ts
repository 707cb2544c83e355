import { describe, expect, it } from '@jest/globals';
import { packPanels, panelFormat, unpackPanels } from './pack-panels.js';
import { quantiseRows } from './quantise-rows.js';

function matrix(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)));
}

describe('packPanels', () => {
  it.each([
    [1, 32, 8],
    [16, 64, 8],
    [37, 96, 8],
    [1, 32, 4],
    [16, 64, 4],
    [37, 96, 4],
  ] as const)('%d rows of %d columns in %d bits come back as they were', (rows, columns, bits) => {
    const quantised = quantiseRows(matrix(rows, columns), columns, bits);
    expect(unpackPanels(packPanels(quantised), { bits, rows, columns })).toEqual(quantised);
  });

  it('puts columns 0 to 3 of all sixteen rows first', () => {
    const quantised = quantiseRows(matrix(16, 32), 32, 8);
    const { values } = packPanels(quantised);
    for (let row = 0; row < 16; row++) {
      expect([...values.subarray(row * 4, row * 4 + 4)]).toEqual([
        ...quantised.values.subarray(row * 32, row * 32 + 4),
      ]);
    }
  });

  it('fills the last panel with zeros', () => {
    const { values, scales } = packPanels(quantiseRows(matrix(17, 32), 32, 8));
    expect(values.length).toBe(panelFormat(8, 17, 32).valueBytes);
    expect([...scales.subarray(17)]).toEqual(new Array(15).fill(0));
    expect(values[512 + 4]).toBe(128);
  });
});
