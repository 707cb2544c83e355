import { kvErrors, type BlockFault } from '../errors.js';
import { MAX_BLOCK_TOKENS } from '../limits.js';
import type { BlockHead } from './block-header.js';
import {
  AttentionKind,
  BlockCodec,
  BlockDtype,
  BlockLayout,
  DTYPE_BITS,
  MAX_BLOCK_LAYERS,
  RopeMode,
} from './constants.js';

/** Dtypes that raw blocks are written in. */
export type RawDtype = typeof BlockDtype.bf16 | typeof BlockDtype.f32;

/**
 * Shape of uncompressed KV: what a block of it looks like, and what an engine can import into its pages. Every K or V
 * section is `[kvHeads][tokens][headDim]` of one layer. Ranges are half open; KV heads start at 0.
 */
export interface RawGeometry {
  readonly layerBegin: number;
  readonly layerEnd: number;
  readonly kvHeads: number;
  readonly headDimK: number;
  readonly headDimV: number;
  readonly dtypeK: RawDtype;
  readonly dtypeV: RawDtype;
  /** Tokens of a full block. */
  readonly blockTokens: number;
  /** `after` when absent. */
  readonly ropeMode?: RopeMode;
  /** Sliding window in tokens; 0 or absent: full attention. */
  readonly window?: number;
}

/** Bytes of one KV head's K or V of one layer. */
export function rawHeadBytes(headDim: number, dtype: number, tokens: number): number {
  return (headDim * tokens * (DTYPE_BITS[dtype] ?? 0)) / 8;
}

/** Refuses a shape that no block can have, by field. */
export function checkRawGeometry(geometry: RawGeometry): void {
  const { layerBegin, layerEnd } = geometry;
  const range = (field: keyof RawGeometry, low: number, high: number): void => {
    const value = geometry[field] ?? 0;
    if (!Number.isInteger(value) || value < low || value > high) {
      throw kvErrors.argument(`geometry.${field}`, `${field} is ${value}; it must be ${low} to ${high}.`);
    }
  };
  range('layerBegin', 0, 0xfffe);
  range('layerEnd', layerBegin + 1, 0xfffe);
  if (layerEnd - layerBegin > MAX_BLOCK_LAYERS) {
    throw kvErrors.argument('geometry.layerEnd', `A block holds at most ${MAX_BLOCK_LAYERS} layers.`);
  }
  range('kvHeads', 1, 0xffff);
  range('headDimK', 1, 0xffff);
  range('headDimV', 1, 0xffff);
  range('blockTokens', 1, MAX_BLOCK_TOKENS);
  range('window', 0, 0xffffffff);
  range('ropeMode', 0, 3);
  for (const dtype of [geometry.dtypeK, geometry.dtypeV]) {
    if (!isRawDtype(dtype)) throw kvErrors.unsupported('dtype', `Raw blocks are bf16 or f32, not dtype ${dtype}.`);
  }
}

function isRawDtype(dtype: number): boolean {
  return dtype === BlockDtype.bf16 || dtype === BlockDtype.f32;
}

/**
 * Passes when K and V of the block can be copied as they are into pages of this shape; the block may hold fewer
 * tokens than a full one.
 *
 * @throws AppError `KV_UNSUPPORTED` with the fault `codec`, `dtype`, `layout` or `geometry`.
 */
export function requireImportable(head: BlockHead, geometry: RawGeometry): void {
  const { header } = head;
  const expect = (fault: BlockFault, what: string, found: number, wanted: number): void => {
    if (found === wanted) return;
    throw kvErrors.unsupported(fault, `The block's ${what} is ${found}; this engine imports ${wanted}.`, {
      field: what,
      found,
      wanted,
    });
  };
  expect('codec', 'codec_k', header.codecK, BlockCodec.raw);
  expect('codec', 'codec_v', header.codecV, BlockCodec.raw);
  expect('dtype', 'dtype_k', header.dtypeK, geometry.dtypeK);
  expect('dtype', 'dtype_v', header.dtypeV, geometry.dtypeV);
  expect('layout', 'layout', header.layout, BlockLayout.headMajor);
  expect('geometry', 'tp_size', header.tpSize, 0);
  expect('geometry', 'layer_begin', header.layerBegin, geometry.layerBegin);
  expect('geometry', 'layer_end', header.layerEnd, geometry.layerEnd);
  expect('geometry', 'kv_head_begin', header.kvHeadBegin, 0);
  expect('geometry', 'kv_head_end', header.kvHeadEnd, geometry.kvHeads);
  expect('geometry', 'head_dim_k', header.headDimK, geometry.headDimK);
  expect('geometry', 'head_dim_v', header.headDimV, geometry.headDimV);
  expect('geometry', 'block_tokens', header.blockTokens, geometry.blockTokens);
  expect('geometry', 'rope_mode', header.ropeMode, geometry.ropeMode ?? RopeMode.after);
  const window = geometry.window ?? 0;
  expect('geometry', 'attn_kind', header.attention, window > 0 ? AttentionKind.window : AttentionKind.full);
  expect('geometry', 'window', header.window, window);
}
