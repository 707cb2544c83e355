import { BLOCK_VALUES, blockFormat, type BlockFormat } from './block-format.js';
import type { QuantisedRows } from './quantise-rows.js';

/** Rows that the kernels multiply at once. */
export const PANEL_ROWS = 16;
const QUAD = 4;
const QUADS = BLOCK_VALUES / QUAD;

/** Byte of a block whose values are all zero. */
const EMPTY = { 8: 0x80, 4: 0x88 } as const;

/**
 * Shapes of a matrix in the order in which `ai.longhaul::LinearNBits` reads it: panels of 16 rows, blocks of 32 columns, and
 * in each tile the columns 0..3 of all rows, then the columns 4..7, and so on. Four-bit tiles hold two such quads per byte
 * group, the first in the low nibbles.
 */
export interface PanelFormat {
  panels: number;
  blocks: number;
  bytesPerTile: number;
  valueBytes: number;
  scaleCount: number;
}

export interface PackedPanels {
  /** [panels, blocks, bytesPerTile] */
  values: Uint8Array;
  /** [panels, blocks, 16] */
  scales: Float16Array;
}

export function panelFormat(bits: 8 | 4, rows: number, columns: number): PanelFormat {
  const panels = Math.ceil(rows / PANEL_ROWS);
  const blocks = Math.ceil(columns / BLOCK_VALUES);
  const bytesPerTile = (PANEL_ROWS * BLOCK_VALUES * bits) / 8;
  const tiles = panels * blocks;
  return { panels, blocks, bytesPerTile, valueBytes: tiles * bytesPerTile, scaleCount: tiles * PANEL_ROWS };
}

/** Where the 32 values of a block go: the tile's first byte and the row's place in its panel. */
interface Place {
  from: number;
  tile: number;
  lane: number;
}

function packBytes(source: Uint8Array, target: Uint8Array, { from, tile, lane }: Place): void {
  for (let quad = 0; quad < QUADS; quad++) {
    const to = tile + (quad * PANEL_ROWS + lane) * QUAD;
    for (let i = 0; i < QUAD; i++) target[to + i] = source[from + quad * QUAD + i] as number;
  }
}

function packNibbles(source: Uint8Array, target: Uint8Array, { from, tile, lane }: Place): void {
  const nibble = (column: number) => ((source[from + (column >> 1)] as number) >> (4 * (column & 1))) & 15;
  for (let pair = 0; pair < QUADS / 2; pair++) {
    const to = tile + (pair * PANEL_ROWS + lane) * QUAD;
    for (let i = 0; i < QUAD; i++) {
      const column = pair * 2 * QUAD + i;
      target[to + i] = nibble(column) | (nibble(column + QUAD) << 4);
    }
  }
}

/** Reorders quantised rows; rows that fill up the last panel are zeros. */
export function packPanels({ format, values, scales }: QuantisedRows): PackedPanels {
  const { bits, rows, columns, blocksPerRow, bytesPerBlock } = format;
  const panels = panelFormat(bits, rows, columns);
  const packed = new Uint8Array(panels.valueBytes).fill(EMPTY[bits]);
  const packedScales = new Float16Array(panels.scaleCount);
  const pack = bits === 8 ? packBytes : packNibbles;
  for (let row = 0; row < rows; row++) {
    const lane = row % PANEL_ROWS;
    for (let block = 0; block < blocksPerRow; block++) {
      const tile = Math.floor(row / PANEL_ROWS) * blocksPerRow + block;
      const from = row * blocksPerRow + block;
      pack(values, packed, { from: from * bytesPerBlock, tile: tile * panels.bytesPerTile, lane });
      packedScales[tile * PANEL_ROWS + lane] = scales[from] as number;
    }
  }
  return { values: packed, scales: packedScales };
}

function unpackBlock(packed: Uint8Array, format: BlockFormat, { from, tile, lane }: Place, target: Uint8Array): void {
  for (let column = 0; column < BLOCK_VALUES; column++) {
    const quad = Math.floor(column / QUAD);
    const i = column % QUAD;
    if (format.bits === 8) {
      target[from + column] = packed[tile + (quad * PANEL_ROWS + lane) * QUAD + i] as number;
      continue;
    }
    const byte = packed[tile + ((quad >> 1) * PANEL_ROWS + lane) * QUAD + i] as number;
    const value = quad % 2 === 0 ? byte & 15 : byte >> 4;
    target[from + (column >> 1)] = (target[from + (column >> 1)] as number) | (value << (4 * (column & 1)));
  }
}

/** The inverse of `packPanels`; for tests and measurements. */
export function unpackPanels(
  packed: PackedPanels,
  shape: { bits: 8 | 4; rows: number; columns: number },
): QuantisedRows {
  const format = blockFormat(shape.bits, shape.rows, shape.columns);
  const { bytesPerTile } = panelFormat(shape.bits, shape.rows, shape.columns);
  const values = new Uint8Array(format.valueBytes);
  const scales = new Float32Array(format.scaleCount);
  for (let row = 0; row < format.rows; row++) {
    const lane = row % PANEL_ROWS;
    for (let block = 0; block < format.blocksPerRow; block++) {
      const tile = Math.floor(row / PANEL_ROWS) * format.blocksPerRow + block;
      const from = row * format.blocksPerRow + block;
      unpackBlock(
        packed.values,
        format,
        { from: from * format.bytesPerBlock, tile: tile * bytesPerTile, lane },
        values,
      );
      scales[from] = packed.scales[tile * PANEL_ROWS + lane] as number;
    }
  }
  return { format, values, scales };
}
