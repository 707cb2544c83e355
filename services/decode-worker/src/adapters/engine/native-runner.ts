import type { ModelRunner, RunnerStep } from '@longhaul/engine';
import { ATTENTION_POLICY, type Engine, type NativeKvPool, type NativeModel } from '@longhaul/engine-native';
import { invalidArgument } from '@longhaul/kernel';

/** The policies of requests as the operators know them. */
const NUMBERS: Readonly<Record<'dense', number>> = ATTENTION_POLICY;

function numberOf(name: 'dense'): number {
  const number: number | undefined = NUMBERS[name];
  // In an Int32Array nothing would become a number, and that is a policy.
  if (number === undefined) throw invalidArgument('policy', `policy: the native engine has no ${name}.`);
  return number;
}

/** The engine's port over the addon: a model and the pool it reads and writes. */
export function createNativeRunner(
  native: Pick<Engine, 'createLoadGate'>,
  model: NativeModel,
  pool: NativeKvPool,
): ModelRunner {
  return {
    step: async (request: RunnerStep) =>
      model.step(pool, { ...request, policies: Int32Array.from(request.policies, numberOf) }),
    layersDone: () => model.layersDone,
    copyPage: (from, to) => pool.copyPage(from, to),
    openGate: (options) => native.createLoadGate(options),
  };
}
