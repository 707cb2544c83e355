import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QualityClass } from '../quality.js';
import { type BlockFacts, type BlockHandle, NO_BLOCK } from './block-record.js';
import { PrefixIndex } from './prefix-index.js';

const DISK = 1;

/** A key whose first 8 bytes, all that is hashed, are equal for many numbers. */
function key(n: number, hashed = n % 3): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, hashed);
  new DataView(bytes.buffer).setUint32(28, n);
  return bytes;
}

const FACTS: BlockFacts = {
  namespace: 1,
  deployEpoch: 0,
  quality: QualityClass.exact,
  bytes: 4096 * 7,
  recomputeMicros: 1000,
  firstBlock: 0,
  blockTokens: 64,
  headBytes: 4096,
  headCrc32c: 5,
  expiresS: 0,
};

const indexOf = (maxBlocks = 100) => new PrefixIndex({ maxBlocks, seed: 7 });
const keys = (length: number) => Array.from({ length }, (_, n) => key(n));
const anything = () => true;

/** Enters a block that is in the disk tier, behind a parent where there is one. */
function insert(index: PrefixIndex, n: number, parent?: number): BlockHandle {
  const handle = index.ensure(key(n));
  index.describe(handle, FACTS);
  if (parent !== undefined) index.link(handle, key(parent));
  index.setTier(handle, DISK, true);
  return handle;
}

function chain(index: PrefixIndex, length: number): BlockHandle[] {
  return Array.from({ length }, (_, n) => insert(index, n, n === 0 ? undefined : n - 1));
}

/** As evictions do. */
function remove(index: PrefixIndex, handle: BlockHandle): void {
  index.setTier(handle, DISK, false);
  index.collect(handle);
}

describe('the prefix index', () => {
  it('finds the longest prefix and stops at the first key it does not have', () => {
    const index = indexOf();
    const handles = chain(index, 5);
    expect(index.longestPrefix(keys(9), anything)).toEqual(handles);
    expect(index.longestPrefix([key(0), key(77), key(1)], anything)).toEqual([handles[0]]);
    expect(index.longestPrefix([key(77)], anything)).toEqual([]);
  });

  it('stops at a block that is not taken, and at one that is not the child of the one before', () => {
    const index = indexOf();
    const handles = chain(index, 5);
    expect(index.longestPrefix(keys(5), (handle) => handle !== handles[3])).toHaveLength(3);
    expect(index.longestPrefix([key(0), key(2)], anything)).toEqual([handles[0]]);
  });

  it('tells keys of one short hash apart by the whole key', () => {
    const index = indexOf();
    const a = index.ensure(key(1, 5));
    const b = index.ensure(key(2, 5));
    expect([index.find(key(1, 5)), index.find(key(2, 5)), index.find(key(3, 5))]).toEqual([a, b, NO_BLOCK]);
    expect(index.ensure(key(1, 5))).toBe(a);
  });

  it('gives an unknown parent a placeholder, and the block that comes later its place', () => {
    const index = indexOf();
    const child = insert(index, 1, 0);
    const parent = index.find(key(0));
    expect([index.parentOf(child), index.tiersOf(parent), index.size]).toEqual([parent, 0, 2]);
    expect(insert(index, 0)).toBe(parent);
    expect(index.longestPrefix(keys(2), anything)).toEqual([parent, child]);
  });

  it('forgets a block when nothing needs it, and with it the placeholders before it', () => {
    const index = indexOf();
    const handles = chain(index, 4);
    for (const handle of handles.slice(0, 3)) remove(index, handle);
    expect(index.size).toBe(4);
    index.lease(handles[3]!, 1);
    index.hold(handles[3]!, 1);
    remove(index, handles[3]!);
    index.hold(handles[3]!, -1);
    expect(index.size).toBe(4);
    index.lease(handles[3]!, -1);
    expect([index.size, index.find(key(0))]).toEqual([0, NO_BLOCK]);
  });

  it('takes no block beyond its bound, and one again after a removal', () => {
    const index = indexOf(2);
    const [first] = chain(index, 2);
    expect(index.ensure(key(9))).toBe(NO_BLOCK);
    expect(index.link(first!, key(9))).toBe(false);
    remove(index, index.find(key(1)));
    expect(index.ensure(key(9))).not.toBe(NO_BLOCK);
  });

  it('refuses a parent that descends from the block', () => {
    const index = indexOf();
    const [first, , third] = chain(index, 3);
    expect(index.link(first!, key(2))).toBe(false);
    expect(index.parentOf(first!)).toBe(NO_BLOCK);
    expect(index.link(third!, key(50))).toBe(true);
    expect(index.parentOf(third!)).toBe(index.find(key(1)));
  });

  it('knows leaves by tier', () => {
    const index = indexOf();
    const [parent, child] = chain(index, 2);
    index.setTier(parent!, 0, true);
    expect([index.isLeaf(parent!, 0), index.isLeaf(parent!, DISK), index.isLeaf(child!, DISK)]).toEqual([
      true,
      false,
      true,
    ]);
    remove(index, child!);
    expect(index.isLeaf(parent!, DISK)).toBe(true);
    expect([index.inTier(parent!, 0), index.inTier(parent!, 2), index.inTier(NO_BLOCK, 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('keeps all that was said of a block, up to the largest values', () => {
    const index = indexOf();
    const [handle] = chain(index, 1);
    const most = 2 ** 32 - 1;
    index.describe(handle!, {
      ...{ namespace: 65_535, deployEpoch: most, quality: QualityClass.sparse, bytes: 2 ** 30, recomputeMicros: most },
      ...{ firstBlock: most, blockTokens: 65_536, headBytes: 4095 * 4096, headCrc32c: most, expiresS: most },
    });
    for (let i = 0; i < 300; i++) index.countHit(handle!);
    expect([index.namespaceOf(handle!), index.deployEpochOf(handle!)]).toEqual([65_535, most]);
    expect([index.qualityOf(handle!), index.bytesOf(handle!)]).toEqual([QualityClass.sparse, 2 ** 30]);
    expect([index.recomputeMicrosOf(handle!), index.firstBlockOf(handle!)]).toEqual([most, most]);
    expect([index.blockTokensOf(handle!), index.headBytesOf(handle!)]).toEqual([65_536, 4095 * 4096]);
    expect([index.headCrc32cOf(handle!), index.expiresSOf(handle!), index.hitsOf(handle!)]).toEqual([most, most, 255]);
    expect([...index.keyOf(handle!)]).toEqual([...key(0)]);
    expect(index.tiersOf(handle!)).toBe(1 << DISK);
  });

  it.each([
    ['namespace', 65_536],
    ['quality', 0],
    ['quality', 6],
    ['bytes', 4097],
    ['bytes', 2 ** 30 + 4096],
    ['headBytes', 4096 * 4096],
    ['blockTokens', 0],
    ['recomputeMicros', 0.5],
    ['expiresS', -1],
  ])('refuses a %s of %p', (field, value) => {
    const index = indexOf();
    const handle = index.ensure(key(0));
    const bad = { ...FACTS, [field]: value } as BlockFacts;
    expect(() => index.describe(handle, bad)).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field }));
    expect(index.bytesOf(handle)).toBe(0);
  });

  it('refuses a key that is not 32 bytes', () => {
    expect(() => indexOf().find(new Uint8Array(31))).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }));
  });

  it('counts more leases, holds and children than fit in a byte', () => {
    const index = indexOf(2000);
    const parent = insert(index, 0);
    for (let n = 1; n <= 300; n++) insert(index, n, 0);
    for (let i = 0; i < 1000; i++) index.lease(parent, 1);
    for (let i = 0; i < 256; i++) index.hold(parent, 1);
    expect([index.leasesOf(parent), index.holdsOf(parent)]).toEqual([1000, 256]);
    for (let n = 1; n <= 300; n++) {
      expect(index.isLeaf(parent, DISK)).toBe(false);
      remove(index, index.find(key(n)));
    }
    expect(index.isLeaf(parent, DISK)).toBe(true);
    for (let i = 0; i < 1000; i++) index.lease(parent, -1);
    for (let i = 0; i < 256; i++) index.hold(parent, -1);
    remove(index, parent);
    expect(index.size).toBe(0);
  });

  it('agrees with a plain map after any sequence of changes', () => {
    const op = fc.constantFrom('insert', 'insert', 'remove', 'hold', 'unhold');
    const step = fc.record({ op, n: fc.nat(60), parent: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.nat(), (steps, seed) => {
        const index = new PrefixIndex({ maxBlocks: 1000, seed });
        const model = new PlainIndex();
        for (const { op: what, n, parent } of steps) {
          if (what === 'insert' && !model.stored.has(n)) {
            insert(index, n, parent);
            model.insert(n, parent);
          } else if (what === 'remove' && model.stored.delete(n)) remove(index, index.find(key(n)));
          else if (what === 'hold' && model.stored.has(n) && !model.held.has(n)) {
            model.held.add(n);
            index.hold(index.find(key(n)), 1);
          } else if (what === 'unhold' && model.held.delete(n)) index.hold(index.find(key(n)), -1);
          model.collect();
        }
        expect(index.size).toBe(model.known().size);
        for (let n = 0; n <= 60; n++) {
          const handle = index.find(key(n));
          expect(handle !== NO_BLOCK).toBe(model.known().has(n));
          expect(index.inTier(handle, DISK)).toBe(model.stored.has(n));
          if (handle === NO_BLOCK) continue;
          const parent = model.parents.get(n);
          expect(index.parentOf(handle)).toBe(parent === undefined ? NO_BLOCK : index.find(key(parent)));
          const children = [...model.parents].filter(([child, of]) => of === n && model.stored.has(child));
          expect(index.isLeaf(handle, DISK)).toBe(children.length === 0);
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** What the index should know, in plain sets. */
class PlainIndex {
  readonly stored = new Set<number>();
  readonly held = new Set<number>();
  readonly parents = new Map<number, number>();

  insert(n: number, parent: number): void {
    this.stored.add(n);
    if (this.parents.has(n)) return;
    for (let at: number | undefined = parent; at !== undefined; at = this.parents.get(at)) if (at === n) return;
    this.parents.set(n, parent);
  }

  known(): Set<number> {
    return new Set([...this.stored, ...this.held, ...this.parents.values(), ...this.parents.keys()]);
  }

  /** A child that is neither stored nor held nor a parent is forgotten. */
  collect(): void {
    for (;;) {
      const parents = new Set(this.parents.values());
      const gone = [...this.parents.keys()].filter((n) => !this.stored.has(n) && !this.held.has(n) && !parents.has(n));
      if (gone.length === 0) return;
      for (const n of gone) this.parents.delete(n);
    }
  }
}
