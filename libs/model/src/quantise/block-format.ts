/** Values of one row that share a scale. */
export const BLOCK_VALUES = 32;

/**
 * Shapes of a block-quantised matrix, row by row: symmetric around the zero point 2^(bits - 1), four-bit values packed low
 * nibble first, a last block padded with the zero point. Scales are halves: their rounding is part of the quantisation.
 */
export interface BlockFormat {
  bits: 8 | 4;
  rows: number;
  columns: number;
  blocksPerRow: number;
  bytesPerBlock: number;
  /** Bytes of the values, rows x blocksPerRow x bytesPerBlock. */
  valueBytes: number;
  /** Number of scales, rows x blocksPerRow. */
  scaleCount: number;
}

export function blockFormat(bits: 8 | 4, rows: number, columns: number): BlockFormat {
  const blocksPerRow = Math.ceil(columns / BLOCK_VALUES);
  const bytesPerBlock = (BLOCK_VALUES * bits) / 8;
  const scaleCount = rows * blocksPerRow;
  return { bits, rows, columns, blocksPerRow, bytesPerBlock, scaleCount, valueBytes: scaleCount * bytesPerBlock };
}
