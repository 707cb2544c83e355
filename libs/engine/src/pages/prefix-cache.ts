import { keyName } from '@longhaul/kv-core';
import type { PagePool } from './page-pool.js';
import { TickHeap } from './tick-heap.js';

/** One cached block. Children keep their parent from being evicted. */
export interface CacheNode {
  readonly id: string;
  readonly parent: CacheNode | null;
  readonly page: number;
  /** Compared on every hit, so that not even a broken hash serves wrong KV. */
  readonly tokens: Int32Array;
  children: number;
  /** When it was last let go of; 0 while never. */
  tick: number;
  live: boolean;
  /** Times for those blocks whose residence is told; null for the others. */
  readonly times: { readonly madeMs: number; usedMs: number; idleMs: number } | null;
}

/** Told how long cached blocks stay. Telling of every block of a long prompt would cost more than it is worth. */
export interface BlockResidency {
  /** Never goes back. */
  nowMs(): number;
  evicted(block: { lifetimeMs: number; idleMs: number }): void;
  reused(block: { gapMs: number }): void;
}

const NOBODY_LOOKS: BlockResidency = { nowMs: () => 0, evicted: () => undefined, reused: () => undefined };

/** One block in so many is told of, the first one included. */
export const RESIDENCY_SAMPLE = 16;

/**
 * Exact prefix cache: full blocks by the SHA-256 key of everything before their end. It owns no references of its
 * own: a page whose users are gone stays idle until it is hit again or evicted, least recently used leaf first.
 *
 * @remarks Bounded by the pool. Lookups are O(blocks).
 */
export class PrefixCache {
  readonly #pool: PagePool;
  readonly #nodes = new Map<string, CacheNode>();
  readonly #byPage = new Map<number, CacheNode>();
  readonly #evictable = new TickHeap<CacheNode>();
  readonly #residency: BlockResidency;
  #tick = 0;
  #made = 0;

  constructor(pool: PagePool, residency: BlockResidency = NOBODY_LOOKS) {
    this.#pool = pool;
    this.#residency = residency;
    pool.connect({ onIdle: (page) => this.#onIdle(page), evictOne: () => this.#evictOne() });
  }

  get size(): number {
    return this.#nodes.size;
  }

  /**
   * The longest chain of cached blocks of a prompt. Every page of it is retained for the caller.
   *
   * @param keys keys of the prompt's leading full blocks; the caller leaves out the block with the last token.
   * @param tokensOf tokens of block i.
   * @param wanted how many of so many matching blocks to take.
   */
  match(
    keys: readonly Uint8Array[],
    tokensOf: (block: number) => Int32Array,
    wanted = (blocks: number): number => blocks,
  ): CacheNode[] {
    const chain: CacheNode[] = [];
    for (const [i, key] of keys.entries()) {
      const node = this.#nodes.get(keyName(key));
      if (node === undefined || !equal(node.tokens, tokensOf(i))) break;
      chain.push(node);
    }
    chain.length = wanted(chain.length);
    for (const node of chain) {
      this.#pool.retain(node.page);
      this.#tellReuse(node);
    }
    return chain;
  }

  /**
   * Makes a committed block visible.
   *
   * @param page an active page of the caller that holds the block.
   * @returns the block's node. Its page may be another one: an equal block was cached before, and the caller should
   * use that page instead of its own. Null when the parent is no longer cached.
   */
  insert(block: { parent: CacheNode | null; key: Uint8Array; tokens: Int32Array; page: number }): CacheNode | null {
    if (block.parent !== null && !block.parent.live) return null;
    const id = keyName(block.key);
    const existing = this.#nodes.get(id);
    if (existing !== undefined) return equal(existing.tokens, block.tokens) ? existing : null;
    const tokens = Int32Array.from(block.tokens);
    const { parent, page } = block;
    const times = this.#timesOfNext();
    const node: CacheNode = { id, parent, page, tokens, children: 0, tick: 0, live: true, times };
    this.#pool.cache(block.page);
    this.#nodes.set(id, node);
    this.#byPage.set(block.page, node);
    if (node.parent !== null) node.parent.children++;
    return node;
  }

  /** Drops blocks whose content is no longer trusted. Their users keep the pages; nobody finds them again. */
  forget(nodes: readonly CacheNode[]): void {
    for (const node of nodes) if (node.live) this.#remove(node);
  }

  /** Drops every idle block. */
  clear(): void {
    for (const node of this.#nodes.values()) if (this.#pool.references(node.page) === 0) this.#remove(node);
  }

  nodes(): Iterable<CacheNode> {
    return this.#nodes.values();
  }

  #onIdle(page: number): void {
    const node = this.#byPage.get(page);
    if (node === undefined) return;
    node.tick = ++this.#tick;
    if (node.times !== null) node.times.idleMs = this.#residency.nowMs();
    this.#offer(node);
  }

  #offer(node: CacheNode): void {
    if (node.live && node.children === 0 && this.#pool.references(node.page) === 0) {
      this.#evictable.push(node.tick, node);
    }
    // Entries that were hit again stay behind in the heap; sweep when they outnumber the nodes.
    if (this.#evictable.size > 2 * this.#nodes.size + 64)
      this.#evictable.retain((tick, item) => this.#valid(tick, item));
  }

  #valid(tick: number, node: CacheNode): boolean {
    return node.live && node.tick === tick && node.children === 0 && this.#pool.references(node.page) === 0;
  }

  #evictOne(): void {
    for (let entry = this.#evictable.pop(); entry !== undefined; entry = this.#evictable.pop()) {
      if (!this.#valid(entry.tick, entry.item)) continue;
      this.#tellEviction(entry.item);
      this.#remove(entry.item);
      return;
    }
  }

  #timesOfNext(): CacheNode['times'] {
    if (this.#made++ % RESIDENCY_SAMPLE !== 0) return null;
    const now = this.#residency.nowMs();
    return { madeMs: now, usedMs: now, idleMs: now };
  }

  #tellReuse({ times }: CacheNode): void {
    if (times === null) return;
    const now = this.#residency.nowMs();
    this.#residency.reused({ gapMs: now - times.usedMs });
    times.usedMs = now;
  }

  #tellEviction({ times }: CacheNode): void {
    if (times === null) return;
    const now = this.#residency.nowMs();
    this.#residency.evicted({ lifetimeMs: now - times.madeMs, idleMs: now - times.idleMs });
  }

  #remove(node: CacheNode): void {
    node.live = false;
    this.#nodes.delete(node.id);
    this.#byPage.delete(node.page);
    const parent = node.parent;
    if (parent !== null) {
      parent.children--;
      this.#offer(parent);
    }
    this.#pool.uncache(node.page);
  }
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
