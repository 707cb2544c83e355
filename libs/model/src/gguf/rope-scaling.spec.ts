import { describe, expect, it } from '@jest/globals';
import { MetadataView } from './metadata-view.js';
import type { MetadataValue } from './metadata.js';
import { ropeScaling } from './rope-scaling.js';

const ROPE = { theta: 500_000, rotaryDim: 128, contextLength: 131_072 };
const NONE = { frequencies: null, short: null, long: null };

function view(metadata: Record<string, MetadataValue> = {}): MetadataView {
  return new MetadataView(new Map(Object.entries(metadata)), 'm.gguf');
}

/** The divisors that a converter stores for Llama 3.1: 1 for short waves, the factor for long ones, between them a blend. */
function llama3(factor: number, original: number): Float32Array {
  return Float32Array.from({ length: ROPE.rotaryDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * ROPE.theta ** ((2 * i) / ROPE.rotaryDim);
    if (wavelength < original / 4) return 1;
    if (wavelength > original) return factor;
    const blend = (original / wavelength - 1) / 3;
    return 1 / ((1 - blend) / factor + blend);
  });
}

describe('ropeScaling', () => {
  it.each([
    [8, 8192],
    [32, 8192],
    [8, 16384],
  ])('the divisors of Llama 3 with factor %d at %d are recognised', (factor, original) => {
    const factors = { ...NONE, frequencies: llama3(factor, original) };
    expect(ropeScaling(view(), 'llama', { factors, rope: ROPE })).toEqual({
      rope_type: 'llama3',
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: original,
    });
  });

  it('other divisors are kept as they are', () => {
    const frequencies = Float32Array.from({ length: 64 }, (_, i) => 1 + i / 64);
    const scaling = ropeScaling(view(), 'llama', { factors: { ...NONE, frequencies }, rope: ROPE });
    expect(scaling).toMatchObject({ rope_type: 'longrope', attention_factor: 1, long_factor: [...frequencies] });
  });

  it('divisors of 1 are no scaling', () => {
    const frequencies = new Float32Array(64).fill(1);
    expect(ropeScaling(view(), 'llama', { factors: { ...NONE, frequencies }, rope: ROPE })).toBeNull();
  });

  it('linear and yarn come from metadata', () => {
    const linear = view({ 'a.rope.scaling.type': 'linear', 'a.rope.scaling.factor': 8 });
    expect(ropeScaling(linear, 'a', { factors: NONE, rope: ROPE })).toEqual({ rope_type: 'linear', factor: 8 });
    const yarn = view({
      'a.rope.scaling.type': 'yarn',
      'a.rope.scaling.factor': 4,
      'a.rope.scaling.original_context_length': 32_768,
    });
    expect(ropeScaling(yarn, 'a', { factors: NONE, rope: ROPE })).toEqual({
      rope_type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 32_768,
    });
  });

  it('factors that do not fit the head are corrupt', () => {
    const factors = { ...NONE, frequencies: new Float32Array(3).fill(1) };
    expect(() => ropeScaling(view(), 'a', { factors, rope: ROPE })).toThrow(
      expect.objectContaining({ reason: 'CHECKPOINT_CORRUPT' }),
    );
  });
});
