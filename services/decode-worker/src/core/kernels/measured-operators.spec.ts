import { describe, expect, it } from '@jest/globals';
import type { KernelCandidate, KernelLevel, KernelTable } from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';
import { measuredOperators } from './measured-operators.js';

const candidates = (...levels: KernelLevel[]): KernelCandidate[] =>
  levels.map((level) => ({ level, needs: [], supported: level !== 'avx512bf16' }));

const table: KernelTable = {
  'attention/bf16': candidates('scalar', 'avx2', 'avx512', 'avx512bf16'),
  'attention/f32': candidates('scalar'),
  'attention/int8': candidates('scalar', 'avx2'),
  'linear/int8': candidates('scalar', 'avx2'),
  'linear/int4': candidates('scalar', 'avx2'),
} as KernelTable;

function manifest(scheme: ModelManifest['weights']['scheme'], hiddenSize = 576): ModelManifest {
  const shape = { layers: 30, hiddenSize, intermediateSize: 1536, heads: 9, kvHeads: 3, headDim: 64, vocabSize: 49152 };
  return { shape, weights: { scheme } } as ModelManifest;
}

describe('what of a model is measured', () => {
  it('is its attention in the KV type that it is served with, at the levels that run here', () => {
    const [attention] = measuredOperators(manifest('f32'), 'bf16', table);
    const shape = { heads: 9, kvHeads: 3, headDim: 64 };
    expect(attention).toEqual({ operator: 'attention/bf16', levels: ['avx2', 'avx512'], ...shape });
  });

  it('leaves the scalar reference out, but where it is alone', () => {
    expect(measuredOperators(manifest('f32'), 'f32', table)[0]?.levels).toEqual(['scalar']);
  });

  it('is the matrices of its layers, and the head that only the last token passes', () => {
    const [, linear] = measuredOperators(manifest('int8'), 'bf16', table);
    expect(linear).toMatchObject({
      operator: 'linear/int8',
      matrices: [
        { rows: 960, cols: 576, count: 30, prefill: true },
        { rows: 576, cols: 576, count: 30, prefill: true },
        { rows: 3072, cols: 576, count: 30, prefill: true },
        { rows: 576, cols: 1536, count: 30, prefill: true },
        { rows: 49152, cols: 576, count: 1, prefill: false },
      ],
    });
  });

  it('has an int8 head where the layers are int4, and nothing linear of ours in f32', () => {
    const operators = (scheme: 'f32' | 'int4') =>
      measuredOperators(manifest(scheme), 'bf16', table).map(({ operator }) => operator);
    expect(operators('int4')).toEqual(['attention/bf16', 'linear/int4', 'linear/int8']);
    expect(operators('f32')).toEqual(['attention/bf16']);
  });

  it('leaves out matrices whose columns are no whole blocks, which stay f32', () => {
    const operators = measuredOperators(manifest('int4', 600), 'bf16', table);
    expect(operators.map(({ operator }) => operator)).toEqual(['attention/bf16', 'linear/int4']);
  });
});
