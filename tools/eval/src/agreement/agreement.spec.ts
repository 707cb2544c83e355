import { describe, expect, it } from '@jest/globals';
import { agreementRowsOf, agreementTable } from './agreement-rows.js';
import { addLikeness, compareRows } from './compare-rows.js';
import type { Comparison } from './comparison.js';

const VOCAB = 4;
const rows = (...logits: number[][]): Float32Array => Float32Array.from(logits.flat());

describe('compareRows', () => {
  it('finds nothing between equal rows, and logits that differ by a constant are equal', () => {
    const dense = rows([1, 2, 3, 4], [0, 0, 9, 1]);
    const moved = rows([11, 12, 13, 14], [-5, -5, 4, -4]);
    for (const other of [dense, moved]) {
      const { positions, same, kl } = compareRows(dense, other, VOCAB);
      expect([positions, same]).toEqual([2, 2]);
      expect(kl).toBeLessThan(1e-6);
    }
  });

  it('is the divergence of the other distribution from that of dense, summed over positions', () => {
    const log = (...p: number[]): number[] => p.map(Math.log);
    const dense = rows(log(0.5, 0.25, 0.125, 0.125), log(0.5, 0.25, 0.125, 0.125));
    const other = rows(log(0.25, 0.5, 0.125, 0.125), log(0.25, 0.25, 0.25, 0.25));
    // 0.5 ln 2 - 0.25 ln 2, and 0.5 ln 2 + 0 - 2 * 0.125 ln 2.
    const { same, kl } = compareRows(dense, other, VOCAB);
    expect(kl).toBeCloseTo(0.25 * Math.LN2 + 0.25 * Math.LN2, 5);
    // Of equal ones the first is the most likely: the second position agrees.
    expect(same).toBe(1);
  });

  it('stays finite over logits that no exponential could take', () => {
    const { kl } = compareRows(rows([1000, -1000, 0, 0]), rows([1000, -900, 0, 0]), VOCAB);
    expect(kl).toBe(0);
  });

  it('refuses readings of other positions', () => {
    expect(() => compareRows(rows([1, 2, 3, 4]), rows([1, 2, 3, 4], [1, 2, 3, 4]), VOCAB)).toThrow('same positions');
    expect(addLikeness([])).toEqual({ positions: 0, same: 0, kl: 0 });
  });
});

describe('agreement rows', () => {
  const comparison = (sample: number, task: string): Comparison => ({
    ...{ policy: 'dense', dense_below: null, kv: 'int8', task, length: 4096, sample, asked: 8 },
    prompt: { positions: 8, same: 8 - sample, kl: 0.08 },
    answer: { positions: task === 'vt' ? 0 : 4, same: 2, kl: 1 },
  });
  const found = agreementRowsOf([comparison(0, 'vt'), comparison(1, 'vt'), comparison(0, 'cwe')]);

  it('add positions up, prompts and answers apart', () => {
    expect(found).toHaveLength(4);
    expect(found[0]).toMatchObject({
      task: 'vt',
      phase: 'prefill',
      samples: 2,
      positions: 16,
      top1: 15 / 16,
      kl: 0.01,
    });
    expect(found[1]).toMatchObject({ task: 'vt', phase: 'decode', positions: 0, top1: null, kl: null });
    expect(found[3]).toMatchObject({ task: 'cwe', phase: 'decode', positions: 4, top1: 0.5, kl: 0.25 });
  });

  it('are told with the task that agrees least', () => {
    const lines = agreementTable(found).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/prefill +24 +95\.83 +1\.00e-2 +vt +93\.75/);
  });
});
