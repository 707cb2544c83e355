import type { ModelRunner } from '@longhaul/engine';
import type { Engine, NativeKvPool, NativeModel } from '@longhaul/engine-native';

/** The engine's port over the addon: a model and the pool it reads and writes. */
export function createNativeRunner(
  native: Pick<Engine, 'createLoadGate'>,
  model: NativeModel,
  pool: NativeKvPool,
): ModelRunner {
  return {
    step: (request) => model.step(pool, request),
    copyPage: (from, to) => pool.copyPage(from, to),
    openGate: (options) => native.createLoadGate(options),
  };
}
