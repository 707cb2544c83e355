import { describe, expect, it } from '@jest/globals';
import { extentName, extentOfRemovals, groupOf, groupOfExtent, kindOf, removalsName } from './extent-name.js';

const key = new Uint8Array(32).fill(0xab);

describe('the name of an extent', () => {
  it('has the first 8 bytes of fingerprint and tenant tag, two bytes of the key, and the key', () => {
    const block = new Uint8Array(256);
    block.set([0x4b, 0x56, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x00]);
    block.fill(0x11, 32, 64).fill(0x22, 128, 144);
    expect(extentName(groupOf(block), key, 0)).toBe(`${'11'.repeat(8)}/${'22'.repeat(8)}/abab/${'ab'.repeat(32)}.kvx`);
  });

  it('has zeros for what is no block', () => {
    expect(groupOf(new Uint8Array(300))).toBe(`${'0'.repeat(16)}/${'0'.repeat(16)}`);
    expect(groupOf(new Uint8Array(3))).toBe(`${'0'.repeat(16)}/${'0'.repeat(16)}`);
  });

  it('tells what an object of the bucket is', () => {
    const name = extentName(groupOf(key), key, 3);
    expect(kindOf(name)).toBe('extent');
    expect(kindOf(removalsName(name))).toBe('removals');
    expect(extentOfRemovals(removalsName(name))).toBe(name);
    expect(groupOfExtent(name)).toBe(groupOf(key));
    for (const foreign of ['probe', `x/${name}`, `${name}.bak`, name.toUpperCase()]) expect(kindOf(foreign)).toBeNull();
  });
});
