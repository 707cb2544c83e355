import { describe, expect, it } from '@jest/globals';
import { MetadataView } from './metadata-view.js';
import type { MetadataValue } from './metadata.js';
import { ROPE_KEYS } from './rope-keys.js';
import { ropeScaling, type RopeFactors } from './rope-scaling.js';

const ROPE = { theta: 500_000, rotaryDim: 128, contextLength: 131_072 };
const NONE = { frequencies: null, short: null, long: null };

function view(metadata: Record<string, MetadataValue> = {}): MetadataView {
  return new MetadataView(new Map(Object.entries(metadata)), 'm.gguf');
}

/** Of llama.cpp 0.5.0. */
const LLAMA_CPP_KEYS = [
  ...['dimension_count', 'dimension_count_swa', 'dimension_sections', 'freq_base', 'freq_base_swa', 'scale_linear'],
  ...['type', 'factor', 'alpha', 'attn_factor', 'original_context_length', 'finetuned'].map((key) => `scaling.${key}`),
  ...['log_multiplier', 'ext_factor', 'attn_factor', 'beta_fast', 'beta_slow'].map((key) => `scaling.yarn_${key}`),
];

function yarn(keys: Record<string, MetadataValue>): Record<string, MetadataValue> {
  const given = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`a.rope.scaling.${key}`, value]));
  return { 'a.rope.scaling.type': 'yarn', 'a.rope.scaling.factor': 4, ...given };
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

  const scalingOf = (metadata: Record<string, MetadataValue>, factors: RopeFactors = NONE) =>
    ropeScaling(view(metadata), 'a', { factors, rope: ROPE });
  const LONG = { ...NONE, short: new Float32Array(64).fill(1), long: new Float32Array(64).fill(2) };

  it.each<[string, Record<string, MetadataValue>, unknown]>([
    ['the older key of the factor', { 'a.rope.scale_linear': 4 }, { rope_type: 'linear', factor: 4 }],
    ['a factor without a type', { 'a.rope.scaling.factor': 4 }, { rope_type: 'linear', factor: 4 }],
    ['the newer key of the factor', { 'a.rope.scale_linear': 4, 'a.rope.scaling.factor': 2 }, { factor: 2 }],
    ['a factor of 0', { 'a.rope.scale_linear': 0 }, null],
    ['a factor of 1', { 'a.rope.scale_linear': 1 }, null],
    ['a factor with the type none', { 'a.rope.scale_linear': 4, 'a.rope.scaling.type': 'none' }, null],
    ['finetuned', { 'a.rope.scaling.finetuned': true }, null],
    [
      "YaRN's betas",
      yarn({ yarn_beta_fast: 24, yarn_beta_slow: 2, yarn_ext_factor: 1, yarn_attn_factor: 1 }),
      { rope_type: 'yarn', factor: 4, beta_fast: 24, beta_slow: 2 },
    ],
    ["YaRN's magnitude", yarn({ attn_factor: 0.5 }), { attention_factor: (0.1 * Math.log(4) + 1) * 0.5 }],
    ['a file that names no other local base', { 'a.rope.freq_base_swa': 10_000 }, null],
    ['no sections', { 'a.rope.dimension_sections': Int32Array.of(0, 0, 0, 0) }, null],
  ])('%s is applied as llama.cpp applies it', (_name, metadata, expected) => {
    const scaling = scalingOf(metadata);
    if (expected === null) expect(scaling).toBeNull();
    else expect(scaling).toMatchObject(expected as Record<string, unknown>);
  });

  it('longrope without attn_factor has the magnitude 1, as in llama.cpp', () => {
    expect(scalingOf({}, LONG)).toMatchObject({ rope_type: 'longrope', attention_factor: 1 });
    expect(scalingOf({ 'a.rope.scaling.attn_factor': 1.19 }, LONG)).toMatchObject({ attention_factor: 1.19 });
  });

  it.each<[string, Record<string, MetadataValue>, RopeFactors]>([
    ['rope.scaling.attn_factor', { 'a.rope.scaling.attn_factor': 2 }, NONE],
    ['rope.scaling.yarn_ext_factor', yarn({ yarn_ext_factor: 0.5 }), NONE],
    ['rope.scaling.yarn_attn_factor', yarn({ yarn_attn_factor: 2 }), NONE],
    ['rope.scaling.yarn_log_multiplier', yarn({ yarn_log_multiplier: 0.1 }), NONE],
    ['rope.scaling.alpha', { 'a.rope.scaling.alpha': 1000 }, NONE],
    ['rope.dimension_sections', { 'a.rope.dimension_sections': Int32Array.of(16, 24, 24, 0) }, NONE],
    ['rope.dimension_count_swa', { 'a.rope.dimension_count_swa': 32, 'a.rope.dimension_count': 64 }, NONE],
    ['rope.freq_base_swa', { 'a.rope.freq_base_swa': 5000 }, NONE],
    ['rope.scaling.factor', { 'a.rope.scaling.factor': 2 }, LONG],
    ['"ntk"', { 'a.rope.scaling.type': 'ntk' }, NONE],
    ['rope.scaling.of_tomorrow', { 'a.rope.scaling.of_tomorrow': 1 }, NONE],
    ['not for both', {}, { ...LONG, long: null }],
  ])('%s is refused by name where it is not applied', (name, metadata, factors) => {
    expect(() => scalingOf(metadata, factors)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(name) }),
    );
  });

  it('no key of the rope namespace of llama.cpp is left out', () => {
    expect(Object.keys(ROPE_KEYS).sort()).toEqual(LLAMA_CPP_KEYS.sort());
  });

  it('factors that do not fit the head are corrupt', () => {
    const factors = { ...NONE, frequencies: new Float32Array(3).fill(1) };
    expect(() => ropeScaling(view(), 'a', { factors, rope: ROPE })).toThrow(
      expect.objectContaining({ reason: 'CHECKPOINT_CORRUPT' }),
    );
  });
});
