import { linkKey, type QualityClass } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { IntList } from '../sequence/int-list.js';
import type { ChainRoot } from './chain-roots.js';

/**
 * Keys of a sequence's full pages, each computed once: the one chain that the prefix cache looks pages up by, and of
 * which a store takes every so many keys as the names of its blocks. Where an attention policy begins to give other KV than
 * dense attention, the link of that page says so: what comes before is shared with everybody, what follows with equal policies.
 */
export class KeyChain {
  readonly root: ChainRoot;
  readonly #tokens: IntList;
  readonly #keys: Uint8Array[] = [];

  /** @param tokens of the sequence; what a key was made from does not change any more. */
  constructor(root: ChainRoot, tokens: IntList) {
    this.root = root;
    this.#tokens = tokens;
  }

  /** The chain of a sequence that begins with the same tokens and has no keys yet: with those that are there. */
  copyFor(tokens: IntList): KeyChain {
    const copy = new KeyChain(this.root, tokens);
    copy.#keys.push(...this.#keys.slice(0, Math.floor(tokens.length / PAGE_TOKENS)));
    return copy;
  }

  /** Tokens of pages `[first, end)`; a view, valid until the sequence grows. */
  tokens(first: number, end = first + 1): Int32Array {
    return this.#tokens.view(first * PAGE_TOKENS, end * PAGE_TOKENS);
  }

  /** Key of a full page: names all tokens up to its end. About a microsecond for each page that is new. */
  key(page: number): Uint8Array {
    const { fork } = this.root;
    for (let i = this.#keys.length; i <= page; i++) {
      this.#keys.push(linkKey(this.before(i), this.tokens(i), i === fork?.page ? fork.extra : undefined));
    }
    return this.#keys[page] as Uint8Array;
  }

  /** How exact the KV of a page is. */
  quality(page: number): QualityClass {
    const { fork, quality } = this.root;
    return fork !== null && page >= fork.page ? fork.quality : quality;
  }

  /** Key that the page's own is chained to. */
  before(page: number): Uint8Array {
    return page === 0 ? this.root.key : this.key(page - 1);
  }
}
