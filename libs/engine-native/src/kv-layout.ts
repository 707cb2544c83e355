import { PAGE_TOKENS, type KvDtype, type KvPoolOptions } from './addon-types.js';

const ELEMENT_BYTES: Readonly<Record<KvDtype, number>> = { bf16: 2, f32: 4 };

export type KvShape = Omit<KvPoolOptions, 'pages'>;

/** Bytes of one page over all layers and KV heads: K and V of PAGE_TOKENS tokens. */
export function kvPageBytes(shape: KvShape): number {
  return 2 * PAGE_TOKENS * shape.headDim * ELEMENT_BYTES[shape.dtype] * shape.kvHeads * shape.layers;
}

/** Bytes of K, or of V, of one layer of so many pages: a section of the stored layout. */
export function kvSectionBytes(shape: Omit<KvShape, 'layers'>, pages: number): number {
  return PAGE_TOKENS * shape.headDim * ELEMENT_BYTES[shape.dtype] * shape.kvHeads * pages;
}
