import { describe, expect, it } from '@jest/globals';
import { ConfigReader } from '../config/config-reader.js';
import { parseRopeClass, type RopeContext } from '../config/rope-config.js';
import type { RopeClass } from '../manifest.js';
import { ropeTables } from './rope-tables.js';

interface Case {
  params: Readonly<Record<string, unknown>>;
  dim?: number;
  maxPositions?: number;
  originalPositions?: number;
}

function rope({ params, dim = 128, maxPositions = 4096, originalPositions }: Case): RopeClass {
  const context: RopeContext = { dim, maxPositions, originalPositions: originalPositions ?? null };
  return parseRopeClass(new ConfigReader({ rope_theta: 10_000, ...params }, 'config.rope_scaling.'), context);
}

/** Compares to the six digits that the golden values have. */
function expectFrequencies(rope: RopeClass, lengthTokens: number, golden: Readonly<Record<number, number>>): void {
  const { invFreq } = ropeTables(rope, lengthTokens);
  for (const [index, value] of Object.entries(golden)) {
    expect((invFreq[Number(index)] ?? Number.NaN) / value).toBeCloseTo(1, 5);
  }
}

describe('ropeTables', () => {
  it('YaRN, 4K to 128K, has its published values', () => {
    const yarn = rope({ params: { rope_type: 'yarn', factor: 32, original_max_position_embeddings: 4096 } });
    expectFrequencies(yarn, 1, { 0: 1, 20: 0.0562341, 32: 0.00552885, 40: 8.05773e-4, 63: 3.60869e-6 });
    expect(ropeTables(yarn, 1).scale).toBeCloseTo(1.3466, 4);
  });

  it('YaRN of Qwen 2.5 has its published values', () => {
    const params = { type: 'yarn', factor: 4, rope_theta: 1e6, original_max_position_embeddings: 32_768 };
    const yarn = rope({ params });
    expectFrequencies(yarn, 1, { 63: 3.10234e-7 });
    expect(ropeTables(yarn, 1).scale).toBeCloseTo(1.1386, 4);
  });

  it('Llama 3.1 has its published values', () => {
    const params = {
      rope_type: 'llama3',
      rope_theta: 5e5,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const golden = { 28: 0.00321145, 29: 0.00216657, 32: 5.24846e-4, 35: 9.55621e-5, 63: 3.06893e-7 };
    expectFrequencies(rope({ params }), 1, golden);
    expect(ropeTables(rope({ params }), 1).scale).toBe(1);
  });

  it('dynamic NTK raises the base with the length, from the trained length on', () => {
    const dynamic = rope({ params: { rope_type: 'dynamic', factor: 2 } });
    const raised: RopeClass = { theta: 72_195.86, dim: 128, scaling: { kind: 'default' } };
    expectFrequencies(dynamic, 16_384, { 1: 72_195.86 ** (-2 / 128), 63: 72_195.86 ** (-126 / 128) });
    expect(ropeTables(dynamic, 4096)).toEqual(ropeTables(rope({ params: {} }), 4096));
    expect(ropeTables(raised, 1).scale).toBe(1);
  });

  it('longrope changes its factors above the original length and scales by the extension', () => {
    const params = { type: 'longrope', short_factor: Array(64).fill(1), long_factor: Array(64).fill(4) };
    const longrope = rope({ params, maxPositions: 131_072, originalPositions: 4096 });
    expect(ropeTables(longrope, 4096).invFreq[0]).toBe(1);
    expect(ropeTables(longrope, 4097).invFreq[0]).toBe(0.25);
    expect(ropeTables(longrope, 1).scale).toBeCloseTo(1.1902, 4);
  });

  it('linear divides every frequency', () => {
    const { invFreq } = ropeTables(rope({ params: { rope_type: 'linear', factor: 4 } }), 1);
    const plain = ropeTables(rope({ params: {} }), 1);
    invFreq.forEach((frequency, i) => expect(frequency * 4).toBeCloseTo(plain.invFreq[i] ?? Number.NaN, 7));
  });

  const ones = Array(64).fill(1) as number[];
  it.each([
    { rope_type: 'linear', factor: 1 },
    { rope_type: 'dynamic', factor: 1 },
    { rope_type: 'yarn', factor: 1 },
    {
      rope_type: 'llama3',
      factor: 1,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 4096,
    },
    { rope_type: 'longrope', factor: 1, short_factor: ones, long_factor: ones },
  ])('a factor of 1 changes nothing within the trained length: $rope_type', (params) => {
    const plain = ropeTables(rope({ params: {} }), 4096);
    const scaled = ropeTables(rope({ params }), 4096);
    expect(scaled.scale).toBe(1);
    scaled.invFreq.forEach((frequency, i) => expect(frequency / (plain.invFreq[i] ?? Number.NaN)).toBeCloseTo(1, 6));
  });

  it('YaRN with both magnitudes divides one by the other', () => {
    const params = { rope_type: 'yarn', factor: 40, mscale: 0.707, mscale_all_dim: 0.707 };
    expect(ropeTables(rope({ params }), 1).scale).toBe(1);
  });
});

describe('parseRopeClass', () => {
  it.each([
    [{ rope_type: 'mrope' }, /RoPE type "mrope"/],
    [{ rope_type: 'linear' }, /factor must be a number from 1 to 4096, but is/],
    [{ rope_type: 'linear', factor: -1 }, /factor must be a number from 1 to 4096, but is/],
    [{ rope_type: 'longrope', short_factor: [1], long_factor: [1] }, /short_factor must be a list of 64/],
    [{ rope_type: 'constructor' }, /RoPE type "constructor"/],
  ])('refuses %j', (params, message) => {
    expect(() => rope({ params })).toThrow(message);
  });
});
