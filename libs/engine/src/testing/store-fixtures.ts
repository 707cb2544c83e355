import { BlockDtype, crc32cTable, modelFingerprint } from '@longhaul/kv-core';
import type { EngineOptions } from '../context.js';
import type { EngineLimits } from '../limits.js';
import { defaultStoreLimits, type PrefixStoreOptions, type StoreLimits } from '../store/store-options.js';
import { createEngine } from '../create-engine.js';
import { defaultLimits } from '../limits.js';
import { simulatedDetokenize, simulatedModel, type Harness } from './fixtures.js';
import type { MemoryStore } from './memory-store.js';
import { simulatedShape } from './policies.js';
import { plainStops } from './plain-stops.js';
import { LAYERS, SimulatedRunner, simulatedRope } from './simulated-runner.js';

export const BLOCK_TOKENS = 64;

/** How an engine over the simulated runner uses a store. */
export function storeOptions(
  store: MemoryStore,
  runner: SimulatedRunner,
  limits: Partial<StoreLimits> = {},
): PrefixStoreOptions {
  return {
    store,
    transfer: runner,
    geometry: {
      ...{ layerBegin: 0, layerEnd: LAYERS, kvHeads: 1, headDimK: 2, headDimV: 2, blockTokens: BLOCK_TOKENS },
      ...{ dtypeK: BlockDtype.f32, dtypeV: BlockDtype.f32 },
    },
    modelFingerprint: modelFingerprint({ simulated: true }),
    tenantSecret: new Uint8Array(32).fill(7),
    deployEpoch: 0,
    workerId: 'test',
    producerId: 1n,
    checksum: crc32cTable,
    limits: { ...defaultStoreLimits, loadPolicy: 'always', retryAfterMs: 1, maxRetryAfterMs: 1, ...limits },
  };
}

export interface StoreHarnessOptions {
  limits?: Partial<EngineLimits>;
  store?: Partial<StoreLimits>;
  options?: Partial<EngineOptions>;
}

/** An engine over a store: a fresh process, as far as the store can tell. */
export function storeHarness(store: MemoryStore, parts: StoreHarnessOptions = {}): Harness {
  const limits = { ...defaultLimits, pages: 512, ...parts.limits };
  const runner = new SimulatedRunner(limits.pages);
  const engine = createEngine({
    runner,
    model: simulatedModel,
    rope: simulatedRope,
    detokenize: simulatedDetokenize,
    openStopMatcher: plainStops,
    limits,
    attention: { shape: simulatedShape },
    store: storeOptions(store, runner, parts.store),
    ...parts.options,
  });
  return { engine, runner };
}
