import { keyName } from '@longhaul/kv-core';
import type { CacheNode } from '../pages/prefix-cache.js';
import type { BlockChain } from './block-chain.js';

/** Keys remembered as stored; beyond it the oldest is asked for again. */
const MAX_KNOWN = 65_536;

/** A block that waits to be written. It holds no page: its nodes say whether the pool still has it. */
export interface QueuedBlock {
  readonly name: string;
  readonly chain: BlockChain;
  readonly block: number;
  readonly nodes: readonly CacheNode[];
  /** A copy: the sequence may be gone when its turn comes. */
  readonly tokens: Int32Array;
  readonly key: Uint8Array;
  readonly parentKey: Uint8Array;
}

/** Blocks to write, parents before children, each once; and which ones need no writing. */
export class BlockQueue {
  readonly #limit: number;
  readonly #queue = new Map<string, QueuedBlock>();
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#queue.size;
  }

  get full(): boolean {
    return this.#queue.size >= this.#limit;
  }

  /** Needs no writing, or waits for it already. */
  has(name: string): boolean {
    return this.#known.has(name) || this.#queue.has(name);
  }

  push(block: QueuedBlock): void {
    this.#queue.set(block.name, block);
  }

  shift(): QueuedBlock | undefined {
    for (const block of this.#queue.values()) {
      this.#queue.delete(block.name);
      return block;
    }
    return undefined;
  }

  clear(): number {
    const count = this.#queue.size;
    this.#queue.clear();
    return count;
  }

  markStored(key: Uint8Array): void {
    this.#known.add(keyName(key));
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }

  /** The store does not have it any more. */
  markGone(key: Uint8Array): void {
    this.#known.delete(keyName(key));
  }
}
