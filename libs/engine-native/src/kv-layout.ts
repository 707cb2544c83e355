import { PAGE_TOKENS, type KvDtype, type KvMetadataChannel, type KvPoolOptions } from './addon-types.js';

interface KvTraits {
  /** Bytes of one dimension of one key or value. */
  readonly elementBytes: number;
  /** Bytes behind the tiles of a page of one layer and KV head; three f32 a token. */
  readonly scaleBytes: number;
}

const TRAITS: Readonly<Record<KvDtype, KvTraits>> = {
  bf16: { elementBytes: 2, scaleBytes: 0 },
  f32: { elementBytes: 4, scaleBytes: 0 },
  int8: { elementBytes: 1, scaleBytes: 3 * 4 * PAGE_TOKENS },
};

/** Bytes that a channel takes per dimension of a head, beside every slice. */
const METADATA_BYTES: Readonly<Record<KvMetadataChannel, number>> = { 'key-bounds': 2 * 2 };

export type KvShape = Omit<KvPoolOptions, 'pages'>;

/** Bytes of one page over all layers and KV heads: K and V of PAGE_TOKENS tokens, their scales, and the metadata. */
export function kvPageBytes(shape: KvShape): number {
  const { elementBytes, scaleBytes } = TRAITS[shape.dtype];
  const metadata = (shape.metadata ?? []).reduce((sum, channel) => sum + METADATA_BYTES[channel] * shape.headDim, 0);
  return (2 * PAGE_TOKENS * shape.headDim * elementBytes + scaleBytes + metadata) * shape.kvHeads * shape.layers;
}

/** Bytes of each section that one layer of so many pages has in the stored layout: K, V, and their scales for int8. */
export function kvSectionBytes(shape: Omit<KvShape, 'layers'>, pages: number): readonly number[] {
  const { elementBytes, scaleBytes } = TRAITS[shape.dtype];
  const tokens = PAGE_TOKENS * shape.kvHeads * pages;
  const tile = tokens * shape.headDim * elementBytes;
  return scaleBytes === 0 ? [tile, tile] : [tile, tile, 4 * tokens, 4 * tokens];
}
