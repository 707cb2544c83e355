import type { GenerationRequest, QualityName } from '@longhaul/inference';
import { deriveNamespaceKey, modelFingerprint, QualityClass, rootKey, type KvVariant } from '@longhaul/kv-core';
import type { ModelFacts } from '../ports.js';
import type { PrefixStoreOptions } from '../store/store-options.js';
import { SpaceTable, type SpaceName } from './space-table.js';

/** What a chain of keys starts from, and how exact the KV is that it names. */
export interface ChainRoot {
  readonly key: Uint8Array;
  readonly quality: QualityClass;
}

/** What of a request decides the values of its KV, and who may share them. */
export type KvIdentity = Pick<GenerationRequest, 'tenant' | 'cacheSalt'>;

/**
 * Roots of the key chains of one engine, for its own cache and its store alike. Only those who have the store's secret
 * can know a key. Without a store no key leaves the engine, and the secret is none.
 */
export class ChainRoots {
  readonly #fingerprint: Uint8Array;
  readonly #kvQuality: QualityName;
  readonly #namespaceKeys: SpaceTable<Uint8Array>;

  constructor(model: ModelFacts, store: Pick<PrefixStoreOptions, 'modelFingerprint' | 'tenantSecret'> | null) {
    const { fingerprint, numericsId, kvQuality } = model;
    this.#fingerprint = store?.modelFingerprint ?? modelFingerprint({ fingerprint, numericsId });
    this.#kvQuality = kvQuality;
    const secret = store?.tenantSecret ?? this.#fingerprint;
    this.#namespaceKeys = new SpaceTable(({ tenant, cacheSalt }) => deriveNamespaceKey(secret, tenant, cacheSalt));
  }

  /** Class of the KV that dense attention computes: that of the KV type. */
  get quality(): QualityName {
    return this.#kvQuality;
  }

  /** The secret of a space. */
  namespaceKey(name: SpaceName): Uint8Array {
    return this.#namespaceKeys.of(name);
  }

  /** @param ropeKey names the tables that keys are rotated with: other rotations of the same tokens are other KV. */
  of(identity: KvIdentity, ropeKey: string): ChainRoot {
    return this.variant(identity, { ropeKey, quality: QualityClass[this.quality] });
  }

  /** The root of a space for KV that is computed in a given way. */
  variant(space: SpaceName, variant: KvVariant & { readonly quality: QualityClass }): ChainRoot {
    return { key: rootKey(this.#fingerprint, this.namespaceKey(space), variant), quality: variant.quality };
  }
}
