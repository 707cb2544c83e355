import { describe, expect, it } from '@jest/globals';
import { toHex } from '../bytes.js';
import { modelFingerprint } from '../fingerprint/model-fingerprint.js';
import fc from 'fast-check';
import { QualityClass } from '../quality.js';
import { blockKey, linkKey, routerHash } from './block-keys.js';
import { LINK_TOKENS } from './chain-version.js';
import { deriveNamespaceKey, macKey, namespaceId, tenantTag } from './namespace-keys.js';
import { rootKey } from './root-key.js';

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const count = (from: number, n: number) => Uint32Array.from({ length: n }, (_, i) => from + i);

const fingerprint = modelFingerprint({ a: 1 });
const namespaceKey = deriveNamespaceKey(secret, 'tenant-a', 'salt-x');
const root = rootKey(fingerprint, namespaceKey);
const first = blockKey(root, count(1, 16));
const second = blockKey(first, count(17, 16));

const variant = {
  adapterDigest: Uint8Array.of(7),
  ropeKey: 'yarn:4',
  policyNumerics: 'sparse/1',
  quality: QualityClass.sparse,
};

describe('keys', () => {
  it.each([
    ['fingerprint', fingerprint, '862eaed87a26cee82efbbf825048048a411bf3e2331836af3200531c96087d0e'],
    ['namespace key', namespaceKey, '16e27da22d29a5232932332a811243c4cf3a4aeeec40dc334c113f72278b1938'],
    ['namespace id', namespaceId(namespaceKey), '7370e8e028ce03c78b2c16fb231515ed8732d6b772316ce66a5398d7882596a0'],
    ['root', root, '98b3591568f4337782d9331590cba8c50dacdb08f3b2e061147ad0a12a8ca7ac'],
    [
      'root of a variant',
      rootKey(fingerprint, namespaceKey, variant),
      'c8baae715b1fe503c5c431a80d3ad3d90b1da5d391535b5ed9c7658623de2dcc',
    ],
    ['first block', first, '263d16d125fd685d92c088a487a55119c902b79f9626305b3838c5a8ccce8617'],
    ['second block', second, '06103d97df58f6c43c27012fa8dd702b5100c706e795e9841c1bf870f7ac9aca'],
  ])('%s has its golden value', (_, key, golden) => {
    expect(toHex(key)).toBe(golden);
  });

  it('the short hash is the first 8 bytes, little-endian', () => {
    expect(routerHash(second)).toBe(14192628993043009542n);
  });

  it('signed and unsigned token arrays give one key', () => {
    expect(blockKey(root, Int32Array.from(count(1, 16)))).toEqual(first);
  });

  it('another salt, tenant, secret or model gives another chain', () => {
    const others = [
      rootKey(fingerprint, deriveNamespaceKey(secret, 'tenant-a', 'salt-y')),
      rootKey(fingerprint, deriveNamespaceKey(secret, 'tenant-b', 'salt-x')),
      rootKey(fingerprint, deriveNamespaceKey(secret.subarray(1), 'tenant-a', 'salt-x')),
      rootKey(modelFingerprint({ a: 2 }), namespaceKey),
    ];
    expect(new Set([root, ...others].map(toHex)).size).toBe(5);
  });

  it('KV computed in another way has another chain, and dense exact KV has the plain one', () => {
    const variants = [
      { ropeKey: 'x' },
      { policyNumerics: 'x' },
      { adapterDigest: Uint8Array.of(120) },
      { ropeKey: 'xx' },
      { ropeKey: 'x', policyNumerics: 'x' },
      ...[QualityClass.near, QualityClass.lossy, QualityClass.derived, QualityClass.sparse].map((quality) => ({
        quality,
      })),
    ];
    const roots = variants.map((variant) => rootKey(fingerprint, namespaceKey, variant));
    expect(new Set([root, ...roots].map(toHex)).size).toBe(variants.length + 1);
    const plain = { ropeKey: '', policyNumerics: '', quality: QualityClass.exact, adapterDigest: new Uint8Array() };
    expect(rootKey(fingerprint, namespaceKey, plain)).toEqual(root);
  });

  it('a block of any size has the key of its last link, so that blocks of all sizes are of one chain', () => {
    const cut = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 200 }), fc.integer());
    fc.assert(
      fc.property(cut, ([links, rest, seed]) => {
        const tokens = Uint32Array.from({ length: links * LINK_TOKENS + rest }, (_, i) => (seed + i * 7919) >>> 0);
        const head = tokens.subarray(0, links * LINK_TOKENS);
        const parent = head.length === 0 ? root : blockKey(root, head);
        expect(blockKey(parent, tokens.subarray(head.length))).toEqual(blockKey(root, tokens));
      }),
    );
    expect(linkKey(first, count(17, 16))).toEqual(blockKey(root, count(1, 32)));
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
    ['a link of no tokens', () => linkKey(root, count(1, 0)), 'tokens'],
    ['a link of 17 tokens', () => linkKey(root, count(1, 17)), 'tokens'],
    ['a class that there is not', () => rootKey(fingerprint, namespaceKey, { quality: 6 as QualityClass }), 'quality'],
    ['a short secret', () => deriveNamespaceKey(secret.subarray(17), 'a', ''), 'tenantSecret'],
    ['a short fingerprint', () => rootKey(fingerprint.subarray(1), namespaceKey), 'modelFingerprint'],
    ['a short key', () => routerHash(root.subarray(25)), 'key'],
  ])('%s is refused by name', (_, make, field) => {
    expect(make).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field }));
  });
});
