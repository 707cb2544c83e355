import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toHex } from '../bytes.js';
import { QualityClass } from '../quality.js';
import { NO_BLOCK, PinLevel, type BlockHandle, type NewBlock } from './block-record.js';
import { leafFirst } from './leaf-first.js';
import { PrefixIndex } from './prefix-index.js';

/** A key whose first 8 bytes, all that is hashed, are equal for many numbers. */
function key(n: number, hashed = n % 3): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, hashed);
  new DataView(bytes.buffer).setUint32(28, n);
  return bytes;
}

function block(n: number, fields: Partial<NewBlock> = {}): NewBlock {
  return {
    namespace: 1,
    deployEpoch: 0,
    key: key(n),
    parent: NO_BLOCK,
    quality: QualityClass.exact,
    bytes: 1000 + n,
    costMicros: 10 * n,
    tiers: 1,
    visible: true,
    ...fields,
  };
}

function chain(index: PrefixIndex, length: number, fields: Partial<NewBlock> = {}): BlockHandle[] {
  const handles: BlockHandle[] = [];
  for (let n = 0; n < length; n++)
    handles.push(index.insert(block(n, { parent: handles.at(-1) ?? NO_BLOCK, ...fields })));
  return handles;
}

const keys = (length: number) => Array.from({ length }, (_, n) => key(n));
const query = { namespace: 1, deployEpoch: 0, minQuality: QualityClass.exact };

describe('the prefix index', () => {
  it('finds the longest prefix and stops at the first key it does not have', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const handles = chain(index, 5);
    expect([...index.longestPrefix({ ...query, keys: keys(9) })]).toEqual(handles);
    expect([...index.longestPrefix({ ...query, keys: [key(0), key(77), key(1)] })]).toEqual([handles[0]]);
    expect([...index.longestPrefix({ ...query, keys: [key(77)] })]).toEqual([]);
  });

  it('tells keys of one short hash apart by the whole key', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const a = index.insert(block(1, { key: key(1, 5) }));
    const b = index.insert(block(2, { key: key(2, 5) }));
    expect([index.find(1, key(1, 5)), index.find(1, key(2, 5)), index.find(1, key(3, 5))]).toEqual([a, b, NO_BLOCK]);
  });

  it('does not find the blocks of another namespace, though the key is the same', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    chain(index, 2);
    expect(index.longestPrefix({ ...query, namespace: 2, keys: keys(2) })).toHaveLength(0);
    const other = index.insert(block(0, { namespace: 2 }));
    expect(index.find(2, key(0))).toBe(other);
  });

  it.each([
    ['is not visible', { visible: false }],
    ['is of a worse class than asked for', { quality: QualityClass.near }],
    ['is of another rollout', { deployEpoch: 1 }],
  ])('stops at a block that %s', (_, fields) => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const [first] = chain(index, 1);
    index.insert(block(1, { parent: first as number, ...fields }));
    expect(index.longestPrefix({ ...query, keys: keys(2) })).toHaveLength(1);
  });

  it('stops at a block that is not the child of the one before', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    index.insert(block(0));
    index.insert(block(1));
    expect(index.longestPrefix({ ...query, keys: keys(2) })).toHaveLength(1);
  });

  it('removes leaves only, and never what is leased', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const [first, second] = chain(index, 2) as [number, number];
    expect(() => index.remove(first)).toThrow(expect.objectContaining({ reason: 'KV_BLOCK_IN_USE' }));
    index.lease(second);
    expect(() => index.remove(second)).toThrow(expect.objectContaining({ reason: 'KV_BLOCK_IN_USE' }));
    index.release(second);
    index.remove(second);
    index.remove(first);
    expect(index.size).toBe(0);
    expect(() => index.remove(first)).toThrow(/names no block/);
  });

  it('refuses one block more than it may hold, and takes one after a removal', () => {
    const index = new PrefixIndex({ maxBlocks: 2 });
    const [, second] = chain(index, 2) as [number, number];
    expect(() => index.insert(block(9))).toThrow(expect.objectContaining({ reason: 'KV_INDEX_FULL' }));
    index.remove(second);
    expect(index.insert(block(9))).toBe(second);
  });

  it.each([
    ['a key twice', block(0), 'KV_BLOCK_EXISTS'],
    ['a parent of another namespace', block(5, { namespace: 2, parent: 0 }), 'INVALID_ARGUMENT'],
    ['a parent that is not there', block(5, { parent: 50 }), 'INVALID_ARGUMENT'],
    ['a short key', block(5, { key: new Uint8Array(31) }), 'INVALID_ARGUMENT'],
    ['no quality', block(5, { quality: 0 as QualityClass }), 'INVALID_ARGUMENT'],
    ['a negative size', block(5, { bytes: -1 }), 'INVALID_ARGUMENT'],
  ])('refuses %s', (_, bad, reason) => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    index.insert(block(0));
    expect(() => index.insert(bad)).toThrow(expect.objectContaining({ reason }));
    expect(index.size).toBe(1);
  });

  it('keeps all that was said of a block', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const [, handle] = chain(index, 2, { tiers: 6, deployEpoch: 9, visible: false }) as [number, number];
    index.setPin(handle, PinLevel.hard);
    index.setVisible(handle, true);
    index.touch(handle);
    expect([...index.keyOf(handle)]).toEqual([...key(1)]);
    expect([index.parentOf(handle), index.depthOf(handle), index.childrenOf(handle)]).toEqual([0, 1, 0]);
    expect([index.bytesOf(handle), index.costMicrosOf(handle), index.tiersOf(handle)]).toEqual([1001, 10, 6]);
    expect([index.pinOf(handle), index.isVisible(handle), index.frequencyOf(handle)]).toEqual([2, true, 2]);
    expect([index.deployEpochOf(handle), index.namespaceOf(handle), index.qualityOf(handle)]).toEqual([9, 1, 1]);
  });

  it('orders what can be removed leaf first and leaves out what cannot', () => {
    const index = new PrefixIndex({ maxBlocks: 100 });
    const handles = chain(index, 4) as [number, number, number, number];
    const side = index.insert(block(20, { parent: handles[1] }));
    index.lease(side);
    expect(leafFirst(index, index.entries())).toEqual([handles[3], handles[2]]);
    index.release(side);
    expect(leafFirst(index, index.entries())).toHaveLength(5);
    expect(leafFirst(index, [handles[0]])).toEqual([]);
  });

  it('agrees with a plain map after any sequence of changes', () => {
    const step = fc.record({ op: fc.constantFrom('insert', 'insert', 'remove'), n: fc.nat(60), parent: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
        const index = new PrefixIndex({ maxBlocks: 40, seed });
        const model = new Map<string, { handle: number; parent: string | null; n: number }>();
        for (const { op, n, parent } of steps) {
          const name = toHex(key(n));
          if (op === 'insert' && !model.has(name) && model.size < 40) {
            const over = model.get(toHex(key(parent)));
            const handle = index.insert(block(n, { parent: over?.handle ?? NO_BLOCK }));
            model.set(name, { handle, parent: over ? toHex(key(parent)) : null, n });
          } else if (op === 'remove' && model.has(name)) {
            if ([...model.values()].some((other) => other.parent === name)) continue;
            index.remove(index.find(1, key(n)));
            model.delete(name);
          }
        }
        expect(index.size).toBe(model.size);
        expect(new Set(index.entries())).toEqual(new Set([...model.values()].map(({ handle }) => handle)));
        for (let n = 0; n <= 60; n++) {
          const known = model.get(toHex(key(n)));
          expect(index.find(1, key(n))).toBe(known?.handle ?? NO_BLOCK);
          if (known === undefined) continue;
          expect(index.bytesOf(known.handle)).toBe(1000 + n);
          const children = [...model.values()].filter((other) => other.parent === toHex(key(n))).length;
          expect(index.childrenOf(known.handle)).toBe(children);
        }
      }),
      { numRuns: 60 },
    );
  });
});
