import type { ModelRunner, RunnerStep } from '@longhaul/engine';
import type { Engine, NativeKvPool, NativeModel } from '@longhaul/engine-native';

/** The engine's port over the addon: a model and the pool it reads and writes. It opens no attention: all is dense. */
export function createNativeRunner(
  native: Pick<Engine, 'createLoadGate'>,
  model: NativeModel,
  pool: NativeKvPool,
): ModelRunner {
  return {
    async step({ attention: _none, ...request }: RunnerStep) {
      const answer = await model.step(pool, request);
      return { ...answer, attention: { ...answer.attention, sequences: [] } };
    },
    layersDone: () => model.layersDone,
    copyPage: (from, to) => pool.copyPage(from, to),
    openGate: (options) => native.createLoadGate(options),
  };
}
