import { describe, expect, it } from '@jest/globals';
import { blockKey, rootKey, type CacheNamespace } from './block-keys.js';

const from = (first: number): Int32Array => Int32Array.from({ length: 16 }, (_, i) => first + i);
const namespace: CacheNamespace = { modelFingerprint: 'm', numericsId: 'bf16', ropeKey: 'r', cacheSalt: 's' };

describe('block keys', () => {
  it('are those of the KV block format', () => {
    const root = Buffer.from('6d9c5ba6a61dc6f786c6d34f1d23e363e46792f783ab4c22d16889a2af8d2329', 'hex');
    const first = blockKey(root, from(1));
    const second = blockKey(first, from(17));
    expect(first.toString('hex')).toBe('3fabba3dde7a4b6d68dda15d0b1affd73890ce9c8bdacaee583fb7cee424a74c');
    expect(second.toString('hex')).toBe('48e9f2dd845f5f6aba59e825a550bf2599e7a7e254ae09ac8c05d44d80de7816');
  });

  it('differ in every part of the namespace, and parts do not run together', () => {
    const roots = [
      namespace,
      { ...namespace, modelFingerprint: 'x' },
      { ...namespace, numericsId: 'f32' },
      { ...namespace, ropeKey: 'x' },
      { ...namespace, cacheSalt: 'x' },
      { ...namespace, ropeKey: 'rs', cacheSalt: '' },
    ].map((parts) => rootKey(parts).toString('hex'));
    expect(new Set(roots).size).toBe(roots.length);
  });

  it('are made of whole blocks only', () => {
    expect(() => blockKey(rootKey(namespace), new Int32Array(15))).toThrow(RangeError);
  });
});
