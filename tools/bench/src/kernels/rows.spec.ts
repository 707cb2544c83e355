import { describe, expect, it } from '@jest/globals';
import { type KernelMeasurement, parseMeasurement } from './measurement.js';
import { kernelRow, kernelTable, limitRow, limitTable, shareRow, shareTable } from './rows.js';

const measured: KernelMeasurement = {
  case: 'linear decode int8 896x896, 1',
  phase: 'decode',
  level: 'avx512vnni',
  threads: 2,
  arithmetic: 'integer dot',
  operations: 2e9,
  bytes: 1e9,
  rounds: [{ seconds: 0.04, operationsPerSecond: 1e12, bytesPerSecond: 33e9 }],
};
const prefill: KernelMeasurement = {
  ...measured,
  case: 'linear prefill int8 896x896, 512',
  phase: 'prefill',
  operations: 9e10,
};
const attention = (name: string, arithmetic: string): KernelMeasurement => ({
  ...prefill,
  case: `attention ${name}`,
  arithmetic,
});

describe('a kernel', () => {
  it('is given as a share of the limit that alone would take longest', () => {
    expect(kernelRow(measured, 2)).toMatchObject({ binds: 'DRAM read', unit: 'GB/s', ours: 25, limit: 33 });
    expect(kernelRow(prefill, 2)).toMatchObject({ binds: 'integer dot', unit: 'GOP/s', ours: 2250, limit: 1000 });
  });

  it('is compared with the machine within each round', () => {
    const slow = { seconds: 0.08, operationsPerSecond: 5e11, bytesPerSecond: 16e9 };
    const spoilt = { seconds: 0.4, operationsPerSecond: 1e12, bytesPerSecond: 33e9 };
    const row = kernelRow({ ...measured, rounds: [...measured.rounds, slow, spoilt] }, 2);
    expect(row.ratio).toBeCloseTo(25 / 33);
    expect(row.spread[0]).toBeCloseTo(2.5 / 33);
    expect(row.spread[1]).toBeCloseTo(12.5 / 16);
  });

  it('has the bar of its operator, its phase and the limit that binds', () => {
    expect(kernelRow(measured, 2)).toMatchObject({ bar: 0.75, met: true });
    expect(kernelRow(prefill, 2)).toMatchObject({ bar: 0.5, met: true });
    expect(kernelRow(attention('prefill bf16 14/2 d64, 512 at 16384', 'f32 FMA'), 2).bar).toBe(0.68);
    expect(kernelRow(attention('prefill int8 14/2 d64, 512 at 16384', 'integer dot'), 2).bar).toBe(0.3);
    expect(kernelRow(attention('decode bf16 14/2 d64, 1 at 16384', 'f32 FMA'), 2).bar).toBe(0.6);
  });

  it('has no bar on integer tiles, the bf16 dot product, at depth 0, or in decode with fewer threads than there may be', () => {
    expect(kernelRow(attention('prefill bf16 14/2 d64, 512 at 16384', 'bf16 dot'), 2)).toMatchObject({
      bar: null,
      met: null,
    });
    expect(kernelRow({ ...prefill, arithmetic: 'integer tile' }, 2).bar).toBeNull();
    expect(kernelRow(attention('prefill bf16 14/2 d64, 512 at 0', 'f32 FMA'), 2).bar).toBeNull();
    expect(kernelRow({ ...measured, threads: 1 }, 2).bar).toBeNull();
  });

  it('misses a bar that its median does not reach', () => {
    const rounds = [{ seconds: 0.05, operationsPerSecond: 1e12, bytesPerSecond: 33e9 }];
    expect(kernelRow({ ...measured, rounds }, 2).met).toBe(false);
  });
});

describe('a part of a kernel', () => {
  const share = (phase: string, shares: readonly number[]) =>
    shareRow({ share: `share of scores in attention at 25.0 %, ${phase} x`, level: 'amx', threads: 1, shares });

  it('is given as a share of the whole, which should be small', () => {
    expect(share('prefill', [0.3, 0.19, 0.1])).toMatchObject({ ours: 0.19, bar: 0.2, met: true, spread: [0.1, 0.3] });
    expect(share('decode', [0.4])).toMatchObject({ bar: 0.3, met: false });
  });

  it('has a table of its own', () => {
    const rows = [share('prefill', [0.19]), kernelRow(measured, 2)];
    expect(shareTable(rows)).toMatch(/prefill x .* amx +19% +19%-19% +20% +met/);
    expect(limitTable(rows).split('\n')).toHaveLength(1);
    expect(kernelTable(rows)).not.toContain('share of scores');
    expect(shareTable([kernelRow(measured, 2)])).toBe('');
  });
});

describe('the output of the native program', () => {
  it('is refused when a figure is missing or not positive', () => {
    expect(() => parseMeasurement('{"case":"x"}')).toThrow('no measurement');
    expect(() => parseMeasurement('{"limit":"DRAM read","perSecond":[0]}')).toThrow('no measurement');
    expect(parseMeasurement(JSON.stringify(measured))).toEqual(measured);
    expect(() => parseMeasurement('{"share":"x","shares":[0]}')).toThrow('no measurement');
  });

  it('becomes a table of limits and one of kernels', () => {
    const limit = limitRow({ limit: 'DRAM read', instructions: 'loads', threads: 2, perSecond: [32e9, 33e9, 34e9] });
    expect(limit).toMatchObject({ case: 'limit: DRAM read', ours: 33, unit: 'GB/s', spread: [32, 34] });
    const rows = [limit, kernelRow(measured, 2)];
    expect(limitTable(rows).split('\n')).toHaveLength(2);
    expect(kernelTable(rows)).toMatch(/linear decode int8 896x896, 1 .* 76%  76%-76%  75%  met$/);
  });
});
