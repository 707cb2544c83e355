import { blockKey } from '@longhaul/kv-core';
import type { Sequence } from '../sequence/sequence.js';
import type { StoreSpace } from './store-namespaces.js';

/** Keys of a sequence's full store blocks, each computed once. */
export class BlockChain {
  readonly space: StoreSpace;
  /** Of the tables that its KV is rotated with. */
  readonly ropeKey: string;
  readonly #sequence: Sequence;
  readonly #root: Uint8Array;
  readonly #blockTokens: number;
  readonly #keys: Uint8Array[] = [];

  constructor(
    sequence: Sequence,
    space: StoreSpace,
    chain: { root: Uint8Array; ropeKey: string; blockTokens: number },
  ) {
    this.#sequence = sequence;
    this.space = space;
    this.ropeKey = chain.ropeKey;
    this.#root = chain.root;
    this.#blockTokens = chain.blockTokens;
  }

  /** Tokens of a full block; a view, valid until the sequence grows. */
  tokens(block: number): Int32Array {
    return this.#sequence.tokens.view(block * this.#blockTokens, (block + 1) * this.#blockTokens);
  }

  key(block: number): Uint8Array {
    for (let i = this.#keys.length; i <= block; i++) {
      this.#keys.push(blockKey(this.#keys[i - 1] ?? this.#root, this.tokens(i)));
    }
    return this.#keys[block] as Uint8Array;
  }

  parentKey(block: number): Uint8Array {
    return block === 0 ? this.#root : this.key(block - 1);
  }
}
