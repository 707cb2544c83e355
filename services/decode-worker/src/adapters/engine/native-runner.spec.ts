import { describe, expect, it } from '@jest/globals';
import type { RunnerStep } from '@longhaul/engine';
import type { NativeKvPool, NativeModel, StepRequest } from '@longhaul/engine-native';
import { createNativeRunner } from './native-runner.js';

function recorded() {
  const requests: StepRequest[] = [];
  const model = {
    layersDone: 7,
    step: (_: NativeKvPool, request: StepRequest) => {
      requests.push(request);
      return Promise.resolve({ attention: { layers: 1, kvReadBytes: 2 } });
    },
  } as unknown as NativeModel;
  const gates = { createLoadGate: () => ({}) as never };
  return { runner: createNativeRunner(gates, model, {} as NativeKvPool), requests };
}

describe('the native runner', () => {
  it('opens no attention, so that the engine refuses policies, and passes everything else on', async () => {
    const { runner, requests } = recorded();
    expect(runner.openAttention).toBeUndefined();
    const answer = await runner.step({ attention: [], blockTableWidth: 3 } as unknown as RunnerStep);
    expect(requests).toEqual([{ blockTableWidth: 3 }]);
    expect(answer.attention).toEqual({ layers: 1, kvReadBytes: 2, sequences: [] });
  });

  it('tells how far the step is that runs', () => {
    expect(recorded().runner.layersDone?.()).toBe(7);
  });
});
