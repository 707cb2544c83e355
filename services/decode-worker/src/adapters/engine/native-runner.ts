import type { ModelRunner, RunnerStep } from '@longhaul/engine';
import type { Engine, NativeKvPool, NativeModel } from '@longhaul/engine-native';
import { attentionOpener, nativeAttentionOf, type AttentionHeads } from './native-attention.js';

/** What a runner reads and writes: the pool, and how many layers and KV heads are in it. */
export interface RunnerPool extends AttentionHeads {
  readonly pool: NativeKvPool;
  /** A page of the pool that the engine has no use for otherwise; absent: there is none. */
  readonly scratchPage?: number | undefined;
}

/** The engine's port over the addon: a model and the pool it reads and writes. */
export function createNativeRunner(
  native: Pick<Engine, 'createLoadGate' | 'createAttentionPolicy'>,
  model: NativeModel,
  { pool, scratchPage, layers, kvHeads }: RunnerPool,
): ModelRunner {
  return {
    ...(scratchPage === undefined ? {} : { scratchPage }),
    step: async ({ attention, ...request }: RunnerStep) =>
      model.step(pool, {
        ...request,
        attention: attention.map((one) => ({ ...one, state: nativeAttentionOf(one.state) })),
      }),
    layersDone: () => model.layersDone,
    copyPage: (from, to) => pool.copyPage(from, to),
    openGate: (options) => native.createLoadGate(options),
    openAttention: attentionOpener(native, { layers, kvHeads }),
  };
}
