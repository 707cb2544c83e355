import { describe, expect, it } from '@jest/globals';
import type { KernelLevel, KernelOperator, KernelRate } from '@longhaul/engine-native';
import { bestLevels } from './best-levels.js';

type Row = readonly [level: KernelLevel, prefillGops: number, decodeGbps: number];
const rates = (operator: KernelOperator, rows: readonly Row[]): KernelRate[] =>
  rows.map(([level, prefillGops, decodeGbps]) => ({ operator, level, prefillGops, decodeGbps, runs: 5 }));

const levels = (...all: KernelRate[][]) => bestLevels(all.flat()).map(({ operator, level }) => [operator, level]);

describe('the best level of an operator', () => {
  it('is the fastest by measurement, not the one with the most instruction sets', () => {
    const measured = rates('attention/bf16', [
      ['avx2', 138, 101],
      ['avx512', 244, 182],
      ['avx512bf16', 156, 146],
    ]);
    expect(levels(measured)).toEqual([['attention/bf16', 'avx512']]);
  });

  it('is chosen for every operator by itself', () => {
    const attention = rates('attention/f32', [
      ['avx2', 100, 20],
      ['avx512', 80, 15],
    ]);
    const linear = rates('linear/int8', [
      ['avx2', 100, 20],
      ['avx512vnni', 400, 25],
    ]);
    expect(levels(attention, linear)).toEqual([
      ['attention/f32', 'avx2'],
      ['linear/int8', 'avx512vnni'],
    ]);
  });

  it('weighs prefill and decode the same, as shares of the best', () => {
    const evenlyBetter = rates('attention/bf16', [
      ['avx2', 100, 100],
      ['avx512', 150, 80],
    ]);
    expect(levels(evenlyBetter)).toEqual([['attention/bf16', 'avx512']]);
    const worseInDecode = rates('attention/bf16', [
      ['avx2', 100, 100],
      ['avx512', 150, 60],
    ]);
    expect(levels(worseInDecode)).toEqual([['attention/bf16', 'avx2']]);
  });

  it('goes by decode alone where no chunk passes the operator', () => {
    const head = rates('linear/int8', [
      ['avx2', 0, 20],
      ['avx512vnni', 0, 30],
    ]);
    expect(levels(head)).toEqual([['linear/int8', 'avx512vnni']]);
  });

  it('needs the least of the processor among equals, so that noise decides nothing', () => {
    const equals = rates('linear/int4', [
      ['avx2', 99, 30],
      ['avx512vnni', 101, 30],
    ]);
    expect(levels(equals)).toEqual([['linear/int4', 'avx2']]);
  });
});
