import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_BLOCK, PinLevel } from '../prefix-index/block-record.js';
import { PrefixIndex } from '../prefix-index/prefix-index.js';
import { prefixTrace } from '../testing/prefix-trace.js';
import { GdsfPolicy, type BlockValue } from './gdsf-policy.js';

function numberKey(n: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, n);
  return key;
}

function insert(
  index: PrefixIndex,
  n: number,
  fields: { parent?: number; bytes?: number; costMicros?: number } = {},
): number {
  const { parent = NO_BLOCK, bytes = 100, costMicros = 100 } = fields;
  const rest = { deployEpoch: 0, quality: 1, tiers: 1, visible: true } as const;
  return index.insert({ ...rest, namespace: 0, key: numberKey(n), parent, bytes, costMicros });
}

function tier(...costs: number[]) {
  const index = new PrefixIndex({ maxBlocks: 10_000, seed: 1 });
  const policy = new GdsfPolicy(index);
  const blocks = costs.map((costMicros, n) => insert(index, n, { costMicros }));
  for (const block of blocks) policy.add(block);
  return { index, policy, blocks };
}

describe('eviction', () => {
  it('takes what is cheapest to compute per byte first', () => {
    const { policy, blocks } = tier(300, 100, 200);
    expect(policy.takeVictims({ bytes: 200 })).toEqual({ blocks: [blocks[1], blocks[2]], bytes: 200 });
  });

  it('keeps what is used, and forgets uses of long ago', () => {
    const { index, policy, blocks } = tier(100, 100);
    index.touch(blocks[0] as number);
    expect(policy.takeVictims({ bytes: 1 }).blocks).toEqual([blocks[1]]);
    for (let n = 10; n < 15; n++) {
      const young = insert(index, n, { costMicros: 150 });
      policy.add(young);
      if (policy.takeVictims({ bytes: 1 }).blocks.includes(blocks[0] as number)) return;
    }
    throw new Error('the old block was never taken');
  });

  it('takes children before parents, and a parent once its children are gone', () => {
    const { index, policy } = tier();
    const parent = insert(index, 1, { costMicros: 1 });
    const children = [2, 3].map((n) => insert(index, n, { parent, costMicros: 1000 }));
    for (const block of [parent, ...children]) policy.add(block);
    expect(policy.takeVictims({ bytes: 1 }).blocks).toEqual([children[0]]);
    expect(policy.takeVictims({ bytes: 300 }).blocks).toEqual([children[1], parent]);
    expect([policy.size, policy.bytes]).toEqual([0, 0]);
  });

  it('never takes leased or hard-pinned blocks, and soft-pinned ones last', () => {
    const { index, policy, blocks } = tier(1, 2, 3, 4) as { index: PrefixIndex; policy: GdsfPolicy; blocks: number[] };
    const [leased, hard, soft, plain] = blocks as [number, number, number, number];
    index.lease(leased);
    index.setPin(hard, PinLevel.hard);
    index.setPin(soft, PinLevel.soft);
    expect(policy.takeVictims({ bytes: 1e6 })).toEqual({ blocks: [plain, soft], bytes: 200 });
    index.release(leased);
    index.setPin(hard, PinLevel.none);
    expect(policy.takeVictims({ bytes: 1e6 }).blocks).toEqual([leased, hard]);
  });

  it('takes only what is accepted, with its own order', () => {
    const { policy, blocks } = tier(4, 3, 2, 1);
    const even = (block: number) => block % 2 === 0;
    expect(policy.takeVictims({ bytes: 1e6, accept: even }).blocks).toEqual([blocks[2], blocks[0]]);
    expect(policy.size).toBe(2);
  });

  it('knows the children of its own tier only', () => {
    const { index, policy } = tier();
    const parent = insert(index, 1);
    const child = insert(index, 2, { parent });
    policy.add(parent);
    expect(policy.takeVictims({ bytes: 1 }).blocks).toEqual([parent]);
    policy.add(child);
    index.remove(child);
    expect(policy.size).toBe(0);
  });

  it('holds its rules after any sequence of changes', () => {
    const op = fc.constantFrom('add', 'add', 'add', 'touch', 'lease', 'release', 'pin', 'unpin');
    const step = fc.record({ op, n: fc.nat(1000), bytes: fc.integer({ min: 1, max: 50 }), cost: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const index = new PrefixIndex({ maxBlocks: 1000, seed: 3 });
        const policy = new GdsfPolicy(index);
        let next = 0;
        for (const { op: what, n, bytes, cost } of steps) {
          const blocks = [...index.entries()];
          const block = blocks[n % Math.max(1, blocks.length)];
          if (what === 'add') {
            makeRoom(index, policy, bytes);
            if (policy.bytes + bytes > CAPACITY) continue;
            const parent = block !== undefined && index.holds(block) && n % 3 > 0 ? block : NO_BLOCK;
            policy.add(insert(index, next++, { parent, bytes, costMicros: cost }));
          } else if (block === undefined) continue;
          else if (what === 'touch') index.touch(block);
          else if (what === 'lease') index.lease(block);
          else if (what === 'release' && index.leasesOf(block) > 0) index.release(block);
          else if (what === 'pin') index.setPin(block, n % 2 === 0 ? PinLevel.hard : PinLevel.soft);
          else if (what === 'unpin') index.setPin(block, PinLevel.none);
          expect(policy.bytes).toBeLessThanOrEqual(CAPACITY);
          expect(policy.bytes).toBe([...index.entries()].reduce((sum, b) => sum + index.bytesOf(b), 0));
          expect(policy.candidates).toBe([...index.entries()].filter((b) => mayGo(index, b)).length);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('saves more work than LRU on a trace of sessions and scans', () => {
    const trace = prefixTrace(11, 1200);
    for (const capacity of [250]) {
      const gdsf = savedShare(trace, capacity);
      let clock = 0;
      // LRU in the same tree: a priority that grows with every use, whatever the block costs.
      const lru = savedShare(trace, capacity, () => (clock += 1e6));
      expect(gdsf).toBeGreaterThan(lru);
    }
  });
});

const CAPACITY = 500;

function mayGo(index: PrefixIndex, block: number): boolean {
  return index.childrenOf(block) === 0 && index.leasesOf(block) === 0 && index.pinOf(block) !== PinLevel.hard;
}

function makeRoom(index: PrefixIndex, policy: GdsfPolicy, bytes: number): void {
  const before = new Set([...index.entries()].filter((b) => index.leasesOf(b) > 0 || index.pinOf(b) === PinLevel.hard));
  const { blocks } = policy.takeVictims({ bytes: policy.bytes + bytes - CAPACITY });
  for (const block of blocks) {
    expect(before.has(block)).toBe(false);
    // Throws for a block with children: parents come after them.
    index.remove(block);
  }
}

/** Share of the trace's prefill work that a cache of `capacity` blocks saves. */
function savedShare(trace: readonly (readonly number[])[], capacity: number, value?: BlockValue): number {
  const index = new PrefixIndex({ maxBlocks: 100_000, seed: 5 });
  const policy = new GdsfPolicy(index, value);
  let saved = 0;
  let total = 0;
  for (const request of trace) {
    const keys = request.map(numberKey);
    const hits = index.longestPrefix({ namespace: 0, deployEpoch: 0, keys, minQuality: 1 });
    for (const hit of hits) index.lease(hit);
    for (const hit of hits) index.touch(hit);
    let parent = hits.at(-1) ?? NO_BLOCK;
    const held = [...hits];
    request.forEach((n, depth) => {
      const costMicros = 64 * (35 + 0.26 * 64 * depth);
      total += costMicros;
      if (depth < hits.length) saved += costMicros;
      else {
        for (const block of policy.takeVictims({ bytes: policy.bytes + 100 - 100 * capacity }).blocks)
          index.remove(block);
        if (policy.size >= capacity || (depth > 0 && parent === NO_BLOCK)) return;
        parent = insert(index, n, { parent, costMicros });
        policy.add(parent);
        index.lease(parent);
        held.push(parent);
      }
    });
    for (const block of held) index.release(block);
  }
  return saved / total;
}
