import { describe, expect, it } from '@jest/globals';
import { toHex } from '../bytes.js';
import { modelFingerprint } from '../fingerprint/model-fingerprint.js';
import { blockKey, rootKey, routerHash } from './block-keys.js';
import { deriveNamespaceKey, macKey, namespaceId, tenantTag } from './namespace-keys.js';

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const count = (from: number, n: number) => Uint32Array.from({ length: n }, (_, i) => from + i);

const fingerprint = modelFingerprint({ a: 1 });
const namespaceKey = deriveNamespaceKey(secret, 'tenant-a', 'salt-x');
const root = rootKey(fingerprint, namespaceKey);
const first = blockKey(root, count(1, 16));
const second = blockKey(first, count(17, 16));

describe('keys', () => {
  it.each([
    ['fingerprint', fingerprint, '862eaed87a26cee82efbbf825048048a411bf3e2331836af3200531c96087d0e'],
    ['namespace key', namespaceKey, '16e27da22d29a5232932332a811243c4cf3a4aeeec40dc334c113f72278b1938'],
    ['namespace id', namespaceId(namespaceKey), '7370e8e028ce03c78b2c16fb231515ed8732d6b772316ce66a5398d7882596a0'],
    ['root', root, '6d9c5ba6a61dc6f786c6d34f1d23e363e46792f783ab4c22d16889a2af8d2329'],
    ['first block', first, '3fabba3dde7a4b6d68dda15d0b1affd73890ce9c8bdacaee583fb7cee424a74c'],
    ['second block', second, '48e9f2dd845f5f6aba59e825a550bf2599e7a7e254ae09ac8c05d44d80de7816'],
  ])('%s has its golden value', (_, key, golden) => {
    expect(toHex(key)).toBe(golden);
  });

  it('the short hash is the first 8 bytes, little-endian', () => {
    expect(routerHash(second)).toBe(7664950115071879496n);
  });

  it('signed and unsigned token arrays give one key', () => {
    expect(blockKey(root, Int32Array.from(count(1, 16)))).toEqual(first);
  });

  it('another salt, tenant, secret, adapter or model gives another chain', () => {
    const others = [
      rootKey(fingerprint, deriveNamespaceKey(secret, 'tenant-a', 'salt-y')),
      rootKey(fingerprint, deriveNamespaceKey(secret, 'tenant-b', 'salt-x')),
      rootKey(fingerprint, deriveNamespaceKey(secret.subarray(1), 'tenant-a', 'salt-x')),
      rootKey(fingerprint, namespaceKey, Uint8Array.of(1)),
      rootKey(modelFingerprint({ a: 2 }), namespaceKey),
    ];
    expect(new Set([root, ...others].map(toHex)).size).toBe(6);
  });

  it('tenant and salt cannot trade letters', () => {
    expect(deriveNamespaceKey(secret, 'ab', 'c')).not.toEqual(deriveNamespaceKey(secret, 'a', 'bc'));
  });

  it('what else decides the KV of the first block changes every key after it', () => {
    const image = blockKey(root, count(1, 16), Uint8Array.of(7));
    expect(image).not.toEqual(first);
    expect(blockKey(image, count(17, 16))).not.toEqual(second);
  });

  it('the tag is the head of the id, the MAC key is neither key nor id', () => {
    expect(tenantTag(namespaceId(namespaceKey))).toEqual(namespaceId(namespaceKey).subarray(0, 16));
    expect(new Set([namespaceKey, namespaceId(namespaceKey), macKey(namespaceKey)].map(toHex)).size).toBe(3);
  });

  it.each([
    ['a short parent', () => blockKey(root.subarray(1), count(1, 16)), 'parent'],
    ['no tokens', () => blockKey(root, count(1, 0)), 'tokens'],
    ['too many tokens', () => blockKey(root, new Uint32Array(65_537)), 'tokens'],
    ['a short secret', () => deriveNamespaceKey(secret.subarray(17), 'a', ''), 'tenantSecret'],
    ['a short fingerprint', () => rootKey(fingerprint.subarray(1), namespaceKey), 'modelFingerprint'],
    ['a short key', () => routerHash(root.subarray(25)), 'key'],
  ])('%s is refused by name', (_, make, field) => {
    expect(make).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field }));
  });
});
