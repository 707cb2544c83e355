import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { defaultStoreLimits, PAGE_TOKENS, type PrefixStoreOptions } from '@longhaul/engine';
import type { NativeKvPool } from '@longhaul/engine-native';
import type { QualityName } from '@longhaul/inference';
import type { JsonValue } from '@longhaul/kernel';
import { BlockDtype, modelFingerprint, type BlockStore, type Checksum, type RawGeometry } from '@longhaul/kv-core';
import type { ModelManifest } from '@longhaul/model';
import type { EngineConfig } from '../../config.js';
import { arithmeticOf } from '../../core/kernels/arithmetic.js';

/** A store of KV blocks and what its user must know; whoever opened it closes it, after the engine. */
export interface StoreConnection {
  readonly store: BlockStore;
  readonly checksum: Checksum;
  /** Secret that every tenant's namespace is derived from; at least 16 bytes. */
  readonly tenantSecret: Uint8Array;
  close(): Promise<void>;
}

/** Raised when the pool's arithmetic or the meaning of a block changes without anything else showing it. */
const KV_ABI = 1;

const DTYPES: Readonly<Record<EngineConfig['kvCacheDtype'], Pick<RawGeometry, 'dtypeK' | 'dtypeV'>>> = {
  bf16: { dtypeK: BlockDtype.bf16, dtypeV: BlockDtype.bf16 },
  f32: { dtypeK: BlockDtype.f32, dtypeV: BlockDtype.f32 },
  int8: { dtypeK: BlockDtype.u8, dtypeV: BlockDtype.i8 },
};

/** How exact KV of a type is, with nothing else wrong with it. */
export const KV_QUALITY: Readonly<Record<EngineConfig['kvCacheDtype'], QualityName>> = {
  bf16: 'exact',
  f32: 'exact',
  int8: 'near',
};

/** How an engine of this model over this pool uses the store. */
export function prefixStoreOptions(parts: {
  config: EngineConfig;
  manifest: ModelManifest;
  pool: NativeKvPool;
  connection: StoreConnection;
}): PrefixStoreOptions {
  const { config, manifest, pool, connection } = parts;
  const { layers, kvHeads, headDim } = manifest.shape;
  const instance = randomBytes(8);
  return {
    store: connection.store,
    checksum: connection.checksum,
    transfer: pool,
    geometry: {
      ...{ layerBegin: 0, layerEnd: layers, kvHeads, headDimK: headDim, headDimV: headDim },
      ...DTYPES[config.kvCacheDtype],
      blockTokens: config.kvBlockTokens,
    },
    modelFingerprint: modelFingerprint(kvManifest(manifest, config)),
    tenantSecret: connection.tenantSecret,
    deployEpoch: config.kvDeployEpoch,
    workerId: `${hostname()}/${instance.toString('hex')}`,
    producerId: instance.readBigUInt64LE(),
    limits: {
      ...defaultStoreLimits,
      loadPolicy: config.kvLoad,
      lookupTimeoutMs: config.kvLookupTimeoutMs,
      loadTimeoutMs: config.kvLoadTimeoutMs,
      overlapPatienceMs: config.kvOverlapPatienceMs,
    },
  };
}

/** Everything that decides the values of stored KV: the package, how it is served, and how it is cut into blocks. */
function kvManifest(manifest: ModelManifest, config: EngineConfig): JsonValue {
  return {
    abi: KV_ABI,
    package: manifest.fingerprint,
    // Not the package's own where --rope-scaling says otherwise.
    rope: manifest.ropeClasses.map(({ theta, dim, scaling }) => ({ theta, dim, scaling: { ...scaling } })),
    arithmetic: arithmeticOf(config.kvCacheDtype),
    pageTokens: PAGE_TOKENS,
    blockTokens: config.kvBlockTokens,
  };
}
