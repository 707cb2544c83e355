import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { linkKey } from '@longhaul/kv-core';
import { PagePool } from './page-pool.js';
import { PrefixCache, type CacheNode } from './prefix-cache.js';

const root = new Uint8Array(32);
const block = (value: number): Int32Array => new Int32Array(16).fill(value);

function keysOf(values: readonly number[]): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const value of values) keys.push(linkKey(keys.at(-1) ?? root, block(value)));
  return keys;
}

/** Computes a sequence of blocks as the engine does: hit, take the rest, insert. Returns the pages it holds. */
function admit(
  pool: PagePool,
  cache: PrefixCache,
  values: readonly number[],
): { pages: number[]; hits: number } | null {
  const keys = keysOf(values);
  const hit = cache.match(keys, (i) => block(values[i] as number));
  const nodes: CacheNode[] = [...hit];
  const pages = hit.map(({ page }) => page);
  for (let i = hit.length; i < values.length; i++) {
    const page = pool.take();
    if (page === null) {
      for (const held of pages.reverse()) pool.release(held);
      return null;
    }
    pages.push(page);
    const node = cache.insert({ parent: nodes[i - 1] ?? null, key: keys[i]!, tokens: block(values[i]!), page });
    nodes.push(node!);
  }
  return { pages, hits: hit.length };
}

function finish(pool: PagePool, pages: readonly number[]): void {
  for (const page of [...pages].reverse()) pool.release(page);
}

describe('the prefix cache', () => {
  it('finds the longest chain and stops at a hole', () => {
    const pool = new PagePool(10);
    const cache = new PrefixCache(pool);
    finish(pool, admit(pool, cache, [1, 2, 3])!.pages);
    expect(admit(pool, cache, [1, 2, 4])?.hits).toBe(2);
    expect(admit(pool, cache, [2, 3])?.hits).toBe(0);
  });

  it('does not trust a key alone: the tokens must be equal as well', () => {
    const pool = new PagePool(4);
    const cache = new PrefixCache(pool);
    const [key] = keysOf([1]) as [Uint8Array];
    cache.insert({ parent: null, key, tokens: block(1), page: pool.take()! });
    expect(cache.match([key], () => block(2))).toEqual([]);
    expect(cache.insert({ parent: null, key, tokens: block(2), page: pool.take()! })).toBeNull();
  });

  it('evicts leaves first, the least recently used of them', () => {
    const pool = new PagePool(5);
    const cache = new PrefixCache(pool);
    finish(pool, admit(pool, cache, [1, 2, 3])!.pages);
    finish(pool, admit(pool, cache, [1, 9])!.pages);
    // Four pages are cached, one is free: two more evict the oldest leaf, block 3.
    finish(pool, admit(pool, cache, [7, 8])!.pages);
    expect(cache.match(keysOf([1, 2, 3]), (i) => block([1, 2, 3][i]!)).length).toBe(2);
    expect(cache.match(keysOf([1, 9]), (i) => block([1, 9][i]!)).length).toBe(2);
  });

  it('never evicts a block that is in use', () => {
    const pool = new PagePool(3);
    const cache = new PrefixCache(pool);
    admit(pool, cache, [1, 2]);
    expect(admit(pool, cache, [3, 4])).toBeNull();
    expect(admit(pool, cache, [1, 2])?.hits).toBe(2);
  });

  it('agrees with a plain list of chains under any sequence of use', () => {
    const chains = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }), { maxLength: 40 });
    fc.assert(
      fc.property(chains, fc.integer({ min: 4, max: 12 }), (all, size) => {
        const pool = new PagePool(size);
        const cache = new PrefixCache(pool);
        const seen = new Set<string>();
        for (const values of all) {
          const admitted = admit(pool, cache, values)!;
          // A hit must have been inserted before; how much is left of it depends on eviction.
          if (admitted.hits > 0) expect(seen.has(values.slice(0, admitted.hits).join())).toBe(true);
          values.forEach((_, i) => seen.add(values.slice(0, i + 1).join()));
          finish(pool, admitted.pages);
          const { free, idle, active } = pool.counts();
          expect([active, idle, free + idle]).toEqual([0, cache.size, size]);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});
