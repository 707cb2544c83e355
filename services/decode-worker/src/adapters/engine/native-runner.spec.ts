import { describe, expect, it } from '@jest/globals';
import type { CompiledPolicy } from '@longhaul/attention';
import type { RunnerStep, SequenceAttention } from '@longhaul/engine';
import type {
  AttentionPolicyOptions,
  NativeKvPool,
  NativeModel,
  NativeSequenceAttention,
  StepRequest,
} from '@longhaul/engine-native';
import { createNativeRunner } from './native-runner.js';

function recorded() {
  const requests: StepRequest[] = [];
  const policies: AttentionPolicyOptions[] = [];
  const open: NativeSequenceAttention[] = [];
  const sequence = (): NativeSequenceAttention => {
    const one = { fork: sequence, dispose: () => void open.splice(open.indexOf(one), 1) };
    open.push(one);
    return one;
  };
  const model = {
    layersDone: 7,
    step: (_: NativeKvPool, request: StepRequest) => {
      requests.push(request);
      return Promise.resolve({ attention: { layers: 1, kvReadBytes: 2, sequences: [] } });
    },
  } as unknown as NativeModel;
  const native = {
    createLoadGate: () => ({}) as never,
    createAttentionPolicy: (options: AttentionPolicyOptions) => {
      policies.push(options);
      return { openSequence: sequence };
    },
  };
  const pool = { pool: {} as NativeKvPool, layers: 2, kvHeads: 1 };
  return { runner: createNativeRunner(native, model, pool), requests, policies, open };
}

const compiled = (skipSoftmax: number) =>
  ({ name: 'fast', plans: [], table: new Uint8Array(4), skipSoftmax, labels: null }) as unknown as CompiledPolicy;

describe('the native runner', () => {
  it('passes everything on, with what the addon keeps for each sequence under a policy', async () => {
    const { runner, requests, open } = recorded();
    const state = runner.openAttention?.(compiled(0)) as SequenceAttention;
    const step = { attention: [{ sequence: 1, state, decodeFrom: 5 }], blockTableWidth: 3 };
    const answer = await runner.step(step as unknown as RunnerStep);
    expect(requests).toEqual([{ attention: [{ sequence: 1, state: open[0], decodeFrom: 5 }], blockTableWidth: 3 }]);
    expect(answer.attention).toEqual({ layers: 1, kvReadBytes: 2, sequences: [] });
  });

  it('makes a policy once, in the numbers of the model', () => {
    const { runner, policies } = recorded();
    const [first, second] = [compiled(0), compiled(9)];
    for (const policy of [first, first, second]) runner.openAttention?.(policy);
    expect(policies).toEqual(
      [0, 9].map((skipSoftmax) => ({
        layers: 2,
        kvHeads: 1,
        plans: [],
        table: new Uint8Array(4),
        skipSoftmax,
        labels: null,
      })),
    );
  });

  it('frees what a sequence and its forks keep when they are closed', () => {
    const { runner, open } = recorded();
    const state = runner.openAttention?.(compiled(0));
    const fork = state?.fork();
    expect(open).toHaveLength(2);
    state?.close();
    fork?.close();
    expect(open).toHaveLength(0);
  });

  it('refuses the attention of another runner', async () => {
    const { runner } = recorded();
    const step = { attention: [{ sequence: 0, state: {}, decodeFrom: 0 }] };
    await expect(runner.step(step as unknown as RunnerStep)).rejects.toThrow('another runner');
  });

  it('tells how far the step is that runs', () => {
    expect(recorded().runner.layersDone?.()).toBe(7);
  });
});
