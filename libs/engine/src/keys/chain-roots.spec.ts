import { describe, expect, it } from '@jest/globals';
import { qualityNames } from '@longhaul/inference';
import { deriveNamespaceKey, modelFingerprint, QualityClass, rootKey, toHex } from '@longhaul/kv-core';
import { simulatedModel } from '../testing/fixtures.js';
import { IntList } from '../sequence/int-list.js';
import { ChainRoots, type ChainFork, type KvIdentity } from './chain-roots.js';
import { KeyChain } from './key-chain.js';

const store = { modelFingerprint: modelFingerprint({ a: 1 }), tenantSecret: new Uint8Array(32).fill(7) };
const identity: KvIdentity = { tenant: 'a', cacheSalt: 's', policy: null };

describe('roots of key chains', () => {
  it('are those of the KV block format, so that the cache and the store of an engine have one chain', () => {
    const namespaceKey = deriveNamespaceKey(store.tenantSecret, 'a', 's');
    const roots = new ChainRoots(simulatedModel, store);
    expect(roots.of(identity, 'r').key).toEqual(rootKey(store.modelFingerprint, namespaceKey, { ropeKey: 'r' }));
    expect(roots.of(identity, '').key).toEqual(rootKey(store.modelFingerprint, namespaceKey));
  });

  it('differ by tenant, salt, rotation, model, arithmetic and KV type, and parts do not run together', () => {
    const roots = new ChainRoots(simulatedModel, null);
    const all = [
      roots.of(identity, 'r'),
      roots.of({ ...identity, tenant: 'b' }, 'r'),
      roots.of({ ...identity, cacheSalt: 'x' }, 'r'),
      roots.of({ ...identity, tenant: 'as', cacheSalt: '' }, 'r'),
      roots.of(identity, 'x'),
      ...[{ fingerprint: 'x' }, { numericsId: 'x' }, { kvQuality: 'near' as const }].map((other) =>
        new ChainRoots({ ...simulatedModel, ...other }, null).of(identity, 'r'),
      ),
    ];
    expect(new Set(all.map(({ key }) => toHex(key))).size).toBe(all.length);
  });

  it('know the classes by the numbers of the block format', () => {
    expect(qualityNames.map((name) => QualityClass[name])).toEqual([1, 2, 3, 4, 5]);
    expect(Object.keys(QualityClass)).toEqual(qualityNames);
  });

  it('say how exact the KV is: as exact as the worse of policy and KV type', () => {
    expect(new ChainRoots(simulatedModel, store).of(identity, 'r').quality).toBe(QualityClass.exact);
    const near = new ChainRoots({ ...simulatedModel, kvQuality: 'near' }, store);
    expect(near.of(identity, 'r').quality).toBe(QualityClass.near);
    expect([near.qualityOf('exact'), near.qualityOf('sparse')]).toEqual(['near', 'sparse']);
  });

  it('are the plain one under a policy, which forks the chain where its KV begins to differ', () => {
    const roots = new ChainRoots(simulatedModel, store);
    const policy = { exactBelow: 64, prefillNumerics: 'p', kvQuality: 'sparse' } as const;
    const plain = roots.of(identity, 'r');
    const forked = roots.of({ ...identity, policy }, 'r');
    expect(forked).toMatchObject({ key: plain.key, quality: QualityClass.exact });
    expect(forked.fork).toMatchObject({ page: 4, quality: QualityClass.derived });
    const other = roots.of({ ...identity, policy: { ...policy, prefillNumerics: 'q' } }, 'r');
    expect(other.fork?.extra).not.toEqual(forked.fork?.extra);
    const decodeOnly = { exactBelow: 2 ** 30, prefillNumerics: '', kvQuality: 'exact' } as const;
    expect(roots.of({ ...identity, policy: decodeOnly }, 'r')).toEqual(plain);
  });

  it('fork at the first page where nothing of a prompt is dense, by arithmetic and class', () => {
    const roots = new ChainRoots(simulatedModel, store);
    const forkOf = (prefillNumerics: string, of = roots) =>
      of.of({ ...identity, policy: { exactBelow: 0, prefillNumerics, kvQuality: 'sparse' } }, 'r').fork;
    expect(forkOf('p')).toMatchObject({ page: 0, quality: QualityClass.derived });
    const firstKey = (fork: ChainFork | null) => {
      const tokens = new IntList(Int32Array.from({ length: 16 }, (_, token) => token));
      return toHex(new KeyChain({ ...roots.of(identity, 'r'), fork }, tokens).key(0));
    };
    const lossy = new ChainRoots({ ...simulatedModel, kvQuality: 'near' }, store);
    const keys = [firstKey(null), firstKey(forkOf('p')), firstKey(forkOf('q'))];
    expect(new Set(keys).size).toBe(3);
    expect(forkOf('p', lossy)?.quality).toBe(QualityClass.derived);
  });
});
