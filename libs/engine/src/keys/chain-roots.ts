import { worseQuality, type GenerationRequest, type QualityName } from '@longhaul/inference';
import type { CompiledPolicy } from '@longhaul/attention';
import { deriveNamespaceKey, modelFingerprint, QualityClass, rootKey } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { ModelFacts } from '../ports.js';
import type { PrefixStoreOptions } from '../store/store-options.js';
import { SpaceTable, type SpaceName } from './space-table.js';

const utf8 = new TextEncoder();

/** What a chain of keys starts from, and how exact the KV is that it names. */
export interface ChainRoot {
  readonly key: Uint8Array;
  readonly quality: QualityClass;
  /** Null: all of it is computed in one way. */
  readonly fork: ChainFork | null;
}

/** From one page on KV is computed in another way. */
export interface ChainFork {
  readonly page: number;
  /** Goes into the link of that page, and so into every key behind it. */
  readonly extra: Uint8Array;
  readonly quality: QualityClass;
}

/** Whose KV it is, and what of its policy decides its values. */
export interface KvIdentity extends Pick<GenerationRequest, 'tenant' | 'cacheSalt'> {
  /** Null: dense. */
  readonly policy: PrefillNumerics | null;
}

/** Of a compiled policy, what decides the KV of prompts. */
export type PrefillNumerics = Pick<CompiledPolicy, 'exactBelow' | 'prefillNumerics' | 'kvQuality'>;

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

  /** The worse of the class that a policy gives and of what the KV type keeps. */
  qualityOf(given: QualityName): QualityName {
    return worseQuality(given, this.#kvQuality);
  }

  /** The secret of a space. */
  namespaceKey(name: SpaceName): Uint8Array {
    return this.#namespaceKeys.of(name);
  }

  /** @param ropeKey names the tables that keys are rotated with: other rotations of the same tokens are other KV. */
  of({ policy, ...space }: KvIdentity, ropeKey: string): ChainRoot {
    const quality = QualityClass[this.#kvQuality];
    const key = rootKey(this.#fingerprint, this.namespaceKey(space), { ropeKey, quality });
    return { key, quality, fork: policy === null ? null : this.#forkOf(policy) };
  }

  /** What the link says of a policy at the page where it begins to matter, which may be the first. */
  #forkOf({ exactBelow, prefillNumerics, kvQuality }: PrefillNumerics): ChainFork | null {
    if (prefillNumerics === '') return null;
    const quality = QualityClass[this.qualityOf(blockQuality(kvQuality))];
    const extra = utf8.encode(JSON.stringify({ policyNumerics: prefillNumerics, quality }));
    return { page: exactBelow / PAGE_TOKENS, extra, quality };
  }
}

/** No token of a block is missing; what attention has left out makes its KV that of another context. */
function blockQuality(quality: QualityName): QualityName {
  return quality === 'sparse' ? 'derived' : quality;
}
