import { BLOCK_VALUES, blockFormat, type BlockFormat } from './block-format.js';
import { quantiseBlockInt4 } from './quantise-int4.js';
import { quantiseBlockInt8 } from './quantise-int8.js';

export interface QuantisedRows {
  format: BlockFormat;
  /** [rows, blocksPerRow, bytesPerBlock] */
  values: Uint8Array;
  /** [rows, blocksPerRow] */
  scales: Float32Array;
}

/**
 * Quantises rows of f32 in blocks of 32.
 *
 * @param source [rows, columns], row-major. Values must be finite: NaN or infinity would poison a whole block, so they
 * are refused with a RangeError.
 */
export function quantiseRows(source: Float32Array, columns: number, bits: 8 | 4): QuantisedRows {
  const format = blockFormat(bits, source.length / columns, columns);
  const values = new Uint8Array(format.valueBytes);
  const scales = new Float32Array(format.scaleCount);
  const quantiseBlock = bits === 8 ? quantiseBlockInt8 : quantiseBlockInt4;
  const padded = new Float32Array(BLOCK_VALUES);
  const tail = columns % BLOCK_VALUES;
  let block = 0;
  for (let row = 0; row < format.rows; row++) {
    const end = (row + 1) * columns;
    for (let start = row * columns; start < end; start += BLOCK_VALUES, block++) {
      const whole = tail === 0 || start + BLOCK_VALUES <= end;
      if (!whole) {
        padded.fill(0);
        padded.set(source.subarray(start, end));
      }
      const input = whole ? source : padded;
      const scale = quantiseBlock(input, whole ? start : 0, values, block * format.bytesPerBlock);
      if (!Number.isFinite(scale)) throw new RangeError(`row ${row} holds a value that is not finite`);
      scales[block] = scale;
    }
  }
  return { format, values, scales };
}

/** The values that quantised rows stand for, [rows, columns]; for tests and measurements. */
export function dequantiseRows(rows: QuantisedRows): Float32Array {
  const { format, values, scales } = rows;
  const result = new Float32Array(format.rows * format.columns);
  for (let row = 0; row < format.rows; row++) {
    for (let column = 0; column < format.columns; column++) {
      const block = row * format.blocksPerRow + Math.floor(column / BLOCK_VALUES);
      const within = column % BLOCK_VALUES;
      const byte = values[block * format.bytesPerBlock + (format.bits === 8 ? within : within >> 1)] ?? 0;
      const level = format.bits === 8 ? byte - 128 : ((byte >> (4 * (within & 1))) & 15) - 8;
      result[row * format.columns + column] = level * (scales[block] ?? 0);
    }
  }
  return result;
}
