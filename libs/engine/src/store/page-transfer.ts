/**
 * Copies KV between pages and memory, off the JavaScript thread; the native pool is one. Sections are those of each
 * layer of [layerBegin, layerEnd) in the order of `layerSectionKinds`; nobody else touches them until the promise settles.
 */
export interface PageTransfer {
  /** @param pages sealed pages in the order of their tokens, held by the caller until the promise settles. */
  exportBlock(pages: Int32Array, layerBegin: number, layerEnd: number, sections: readonly Uint8Array[]): Promise<void>;
  /** @param pages reserved pages that are in no block table; SKIPPED_PAGE leaves a page's tokens out. */
  importBlock(pages: Int32Array, layerBegin: number, layerEnd: number, sections: readonly Uint8Array[]): Promise<void>;
}

/** In an import: the tokens of this page are not wanted. The native pool has the same number. */
export const SKIPPED_PAGE = -1;
