import { describe, expect, it } from '@jest/globals';
import type { RunnerStep } from '@longhaul/engine';
import { ATTENTION_POLICY, type NativeKvPool, type NativeModel, type StepRequest } from '@longhaul/engine-native';
import { createNativeRunner } from './native-runner.js';

function recorded() {
  const requests: StepRequest[] = [];
  const model = {
    layersDone: 7,
    step: (_: NativeKvPool, request: StepRequest) => {
      requests.push(request);
      return Promise.resolve();
    },
  } as unknown as NativeModel;
  const gates = { createLoadGate: () => ({}) as never };
  return { runner: createNativeRunner(gates, model, {} as NativeKvPool), requests };
}

const stepWith = (policies: readonly 'dense'[]) => ({ policies }) as unknown as RunnerStep;

describe('the native runner', () => {
  it('tells the engine the policy of each sequence by its number', async () => {
    const { runner, requests } = recorded();
    await runner.step(stepWith(['dense', 'dense']));
    const numbers = [ATTENTION_POLICY.dense, ATTENTION_POLICY.dense];
    expect(requests.map(({ policies }) => policies)).toEqual([Int32Array.from(numbers)]);
  });

  it('refuses a policy that the native engine lacks, and runs nothing', async () => {
    const { runner, requests } = recorded();
    await expect(runner.step(stepWith(['sparse' as 'dense']))).rejects.toMatchObject({ field: 'policy' });
    expect(requests).toEqual([]);
  });

  it('tells how far the step is that runs', () => {
    expect(recorded().runner.layersDone?.()).toBe(7);
  });
});
