import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BlockHandle, NO_BLOCK } from '../prefix-index/block-record.js';
import { PrefixIndex } from '../prefix-index/prefix-index.js';
import { prefixTrace } from '../testing/prefix-trace.js';
import { GdsfPolicy, type GdsfOptions } from './gdsf-policy.js';

const TIER = 1;
const OTHER_TIER = 2;
const PAGE = 4096;

function numberKey(n: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, n);
  return key;
}

const anything = () => true;

/** A tier over an index, with the steps that a store takes. */
class Tier {
  readonly index = new PrefixIndex({ maxBlocks: 100_000, seed: 1 });
  readonly policy: GdsfPolicy;
  bytes = 0;

  constructor(options: Partial<GdsfOptions> = {}) {
    const { index } = this;
    const worth = (block: BlockHandle) =>
      ((1 + index.hitsOf(block)) * index.recomputeMicrosOf(block)) / index.bytesOf(block);
    this.policy = new GdsfPolicy(index, { tier: TIER, worth, ...options });
  }

  add(n: number, { parent, pages = 1, cost = 100 }: { parent?: number; pages?: number; cost?: number } = {}): number {
    const { index } = this;
    const block = index.ensure(numberKey(n));
    const rest = { namespace: 0, deployEpoch: 0, quality: 1, firstBlock: 0, blockTokens: 64 } as const;
    const about = { bytes: pages * PAGE, recomputeMicros: cost, headBytes: PAGE, headCrc32c: 0, expiresS: 0 };
    index.describe(block, { ...rest, ...about });
    if (parent !== undefined) index.link(block, numberKey(parent));
    index.setTier(block, TIER, true);
    this.bytes += index.bytesOf(block);
    this.policy.entered(block);
    return block;
  }

  use(block: BlockHandle): void {
    this.index.countHit(block);
    this.policy.touch(block);
  }

  drop(block: BlockHandle): void {
    this.bytes -= this.index.bytesOf(block);
    this.index.setTier(block, TIER, false);
    this.policy.left(block);
    this.index.collect(block);
  }

  /** Evicts so many blocks, as far as it may. */
  take(count: number, allowed: (block: BlockHandle) => boolean = anything): BlockHandle[] {
    const taken: BlockHandle[] = [];
    while (taken.length < count) {
      const victim = this.policy.victim(allowed);
      if (victim === NO_BLOCK) break;
      taken.push(victim);
      this.drop(victim);
    }
    return taken;
  }

  /** Blocks in the tier without a child in it. */
  leaves(): BlockHandle[] {
    const handles = Array.from({ length: this.index.handleLimit }, (_, handle) => handle);
    return handles.filter((handle) => this.index.inTier(handle, TIER) && this.index.isLeaf(handle, TIER));
  }
}

describe('eviction', () => {
  it('takes what is cheapest to compute per byte first', () => {
    const tier = new Tier();
    const [a, b, c] = [300, 100, 200].map((cost, n) => tier.add(n, { cost }));
    const d = tier.add(3, { cost: 300, pages: 2 });
    expect(tier.take(4)).toEqual([b, d, c, a]);
  });

  it('takes the one used longest ago among equals, also when the numbers of uses run out', () => {
    const tier = new Tier({ maxOrder: 100 });
    const blocks = Array.from({ length: 8 }, (_, n) => tier.add(n));
    for (let round = 0; round < 100; round++) for (const block of blocks) tier.policy.touch(block);
    tier.policy.touch(blocks[0]!);
    expect(tier.take(8)).toEqual([...blocks.slice(1), blocks[0]]);
  });

  it('keeps what is used, and forgets uses of long ago', () => {
    const tier = new Tier();
    const [used, unused] = [tier.add(0), tier.add(1)];
    tier.use(used);
    expect(tier.take(1)).toEqual([unused]);
    for (let n = 10; n < 15; n++) {
      tier.add(n, { cost: 150 });
      if (tier.take(1).includes(used)) return;
    }
    throw new Error('the old block was never taken');
  });

  it('takes children before parents, and a parent once its children are gone', () => {
    const tier = new Tier();
    const parent = tier.add(1, { cost: 1 });
    const children = [2, 3].map((n) => tier.add(n, { parent: 1, cost: 1000 }));
    expect(tier.policy.candidates).toBe(2);
    expect(tier.take(5)).toEqual([...children, parent]);
    expect(tier.policy.candidates).toBe(0);
  });

  it('knows the children of its own tier only', () => {
    const tier = new Tier();
    const parent = tier.add(1);
    const child = tier.add(2, { parent: 1 });
    tier.index.setTier(child, OTHER_TIER, true);
    tier.drop(child);
    expect(tier.take(1)).toEqual([parent]);
  });

  it('takes only what is allowed and leaves the others in their order', () => {
    const tier = new Tier();
    const blocks = [4, 3, 2, 1].map((cost, n) => tier.add(n, { cost }));
    expect(tier.take(9, (block) => block % 2 === 0)).toEqual([blocks[2], blocks[0]]);
    expect(tier.policy.victim(() => false)).toBe(NO_BLOCK);
    expect(tier.take(9)).toEqual([blocks[3], blocks[1]]);
  });

  it('has exactly the leaves of the tier as candidates after any sequence of changes', () => {
    const op = fc.constantFrom('add', 'add', 'add', 'use', 'drop', 'evict');
    const step = fc.record({ op, n: fc.nat(1000), pages: fc.integer({ min: 1, max: 50 }), cost: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const tier = new Tier({ maxOrder: 60 });
        steps.forEach(({ op: what, n, pages, cost }, next) => {
          const present = Array.from({ length: tier.index.handleLimit }, (_, i) => i).filter((block) =>
            tier.index.inTier(block, TIER),
          );
          const block = present[n % Math.max(1, present.length)];
          if (what === 'add') tier.add(next, { parent: n % 150, pages, cost });
          else if (what === 'evict') tier.take(1, (victim) => victim % 3 > 0);
          else if (block !== undefined && what === 'use') tier.use(block);
          else if (block !== undefined) tier.drop(block);
          expect(tier.policy.candidates).toBe(tier.leaves().length);
        });
        const left = tier.leaves().length;
        expect(tier.take(Infinity).length).toBeGreaterThanOrEqual(left);
        expect(tier.bytes).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('saves more work than LRU on a trace of sessions and scans', () => {
    const trace = prefixTrace(11, 1200);
    expect(savedShare(trace, new Tier())).toBeGreaterThan(savedShare(trace, new Tier({ worth: () => 0 })));
  });
});

const CAPACITY_BLOCKS = 250;

/** Share of the trace's prefill work that a cache of some blocks saves. */
function savedShare(trace: readonly (readonly number[])[], tier: Tier): number {
  const { index } = tier;
  let saved = 0;
  let total = 0;
  for (const request of trace) {
    const held = index.longestPrefix(request.map(numberKey), (block) => index.inTier(block, TIER));
    const hits = held.length;
    for (const block of held) index.lease(block, 1);
    for (const block of held) tier.use(block);
    request.forEach((n, depth) => {
      const cost = Math.round(64 * (35 + 0.26 * 64 * depth));
      total += cost;
      if (depth < hits) saved += cost;
      else if (makeRoom(tier) && held.length === depth) {
        const block = tier.add(n, { cost, ...(depth > 0 ? { parent: request[depth - 1]! } : {}) });
        index.lease(block, 1);
        held.push(block);
      }
    });
    for (const block of held) index.lease(block, -1);
  }
  return saved / total;
}

function makeRoom(tier: Tier): boolean {
  if (tier.bytes >= CAPACITY_BLOCKS * PAGE) tier.take(1, (block) => tier.index.leasesOf(block) === 0);
  return tier.bytes < CAPACITY_BLOCKS * PAGE;
}
