import { kvErrors, type BlockFault } from '../errors.js';
import { MAX_BLOCK_TOKENS, MAX_SECTIONS } from '../limits.js';
import type { BlockHead } from './block-header.js';
import { AttentionKind, BlockCodec, BlockDtype, BlockLayout, DTYPE_BITS, RopeMode, SectionKind } from './constants.js';

/** Dtypes that keys of raw blocks are written in; `u8` has a scale per token and KV head. */
export type RawKeyDtype = typeof BlockDtype.bf16 | typeof BlockDtype.f32 | typeof BlockDtype.u8;
/** Likewise of values. */
export type RawValueDtype = typeof BlockDtype.bf16 | typeof BlockDtype.f32 | typeof BlockDtype.i8;

/** Kinds of the sections of a layer, in order; one without K or V of its own. */
export type LayerSectionKind =
  typeof SectionKind.key | typeof SectionKind.value | typeof SectionKind.keyScale | typeof SectionKind.valueScale;

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
  readonly dtypeK: RawKeyDtype;
  readonly dtypeV: RawValueDtype;
  /** Tokens of a full block. */
  readonly blockTokens: number;
  /** `after` when absent. */
  readonly ropeMode?: RopeMode;
  /** Sliding window in tokens; 0 or absent: full attention. */
  readonly window?: number;
}

/** The sections that every layer of a raw block has, in order: K and V, then the scales of what is quantised. */
export function layerSectionKinds(dtypes: { readonly dtypeK: number; readonly dtypeV: number }): LayerSectionKind[] {
  return [
    SectionKind.key,
    SectionKind.value,
    ...(dtypes.dtypeK === BlockDtype.u8 ? [SectionKind.keyScale] : []),
    ...(dtypes.dtypeV === BlockDtype.i8 ? [SectionKind.valueScale] : []),
  ];
}

/** Bytes of a section of one layer: `[kvHeads][tokens][headDim]`, or an f32 per KV head and token. */
export function layerSectionBytes(geometry: RawGeometry, kind: LayerSectionKind, tokens: number): number {
  const { kvHeads, headDimK, headDimV, dtypeK, dtypeV } = geometry;
  switch (kind) {
    case SectionKind.key:
      return kvHeads * rawHeadBytes(headDimK, dtypeK, tokens);
    case SectionKind.value:
      return kvHeads * rawHeadBytes(headDimV, dtypeV, tokens);
    case SectionKind.keyScale:
    case SectionKind.valueScale:
      return 4 * kvHeads * tokens;
  }
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
  const mostLayers = Math.floor((MAX_SECTIONS - SHARED_SECTIONS) / layerSectionKinds(geometry).length);
  if (layerEnd - layerBegin > mostLayers) {
    throw kvErrors.argument('geometry.layerEnd', `A block of this dtype holds at most ${mostLayers} layers.`);
  }
  range('kvHeads', 1, 0xffff);
  range('headDimK', 1, 0xffff);
  range('headDimV', 1, 0xffff);
  range('blockTokens', 1, MAX_BLOCK_TOKENS);
  range('window', 0, 0xffffffff);
  range('ropeMode', 0, 3);
  requireDtype('keys', geometry.dtypeK, KEY_DTYPES);
  requireDtype('values', geometry.dtypeV, VALUE_DTYPES);
}

/** Token ids and sub-checksums. */
export const SHARED_SECTIONS = 2;

const KEY_DTYPES: readonly number[] = [BlockDtype.bf16, BlockDtype.f32, BlockDtype.u8];
const VALUE_DTYPES: readonly number[] = [BlockDtype.bf16, BlockDtype.f32, BlockDtype.i8];

function requireDtype(what: string, dtype: number, known: readonly number[]): void {
  if (known.includes(dtype)) return;
  throw kvErrors.unsupported('dtype', `The ${what} of raw blocks have dtype ${known.join(', ')}, not ${dtype}.`);
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
