import type { QualityClass } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { KeyChain } from '../keys/key-chain.js';
import type { StoreSpace } from './store-namespaces.js';

/** A sequence's full store blocks: each is some pages, and its key is that of the last of them. */
export class BlockChain {
  readonly space: StoreSpace;
  /** The sequence gets another one with other rotary tables; this chain is of no use then. */
  readonly pages: KeyChain;
  readonly #pagesPerBlock: number;

  constructor(pages: KeyChain, space: StoreSpace, blockTokens: number) {
    this.pages = pages;
    this.space = space;
    this.#pagesPerBlock = blockTokens / PAGE_TOKENS;
  }

  /** How exact the KV of a block is: as its last page, since nothing becomes more exact behind a fork of the chain. */
  quality(block: number): QualityClass {
    return this.pages.quality((block + 1) * this.#pagesPerBlock - 1);
  }

  /** Tokens of a full block; a view, valid until the sequence grows. */
  tokens(block: number): Int32Array {
    return this.pages.tokens(block * this.#pagesPerBlock, (block + 1) * this.#pagesPerBlock);
  }

  key(block: number): Uint8Array {
    return this.pages.key((block + 1) * this.#pagesPerBlock - 1);
  }

  parentKey(block: number): Uint8Array {
    return this.pages.before(block * this.#pagesPerBlock);
  }
}
