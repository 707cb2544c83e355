import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '../run/outcome.js';
import { plotOf } from './plot.js';
import { rowsOf } from './rows.js';
import { summariesOf } from './summary.js';
import { rowTable, summaryTable } from './tables.js';

const outcome = (fields: Partial<Outcome>): Outcome => ({
  ...{ policy: 'dense', dense_below: null, kv: 'bf16', task: 'vt', length: 4096, sample: 0, score: 1, answer: 'A' },
  ...{ prompt_tokens: 4000, answer_tokens: 11, cut: false, prefill_s: 4, decode_s: 1 },
  ...{ density: { prefill: 1, decode: 1 }, recall: null, breaches: 0, fallbacks: 0 },
  ...fields,
});
const sparse = (fields: Partial<Outcome>): Outcome =>
  outcome({
    ...{ policy: 'balanced', dense_below: 0, prefill_s: 2, decode_s: 0.5, answer: 'B' },
    ...{ density: { prefill: 0.25, decode: 0.5 }, recall: 0.9 },
    ...fields,
  });

const OUTCOMES = [
  sparse({ score: 0.5 }),
  outcome({}),
  outcome({ sample: 1, score: 0.5, prefill_s: 6, decode_s: 2, answer: 'C', cut: true }),
  sparse({ sample: 1, score: 0, answer: 'C', recall: 0.7, fallbacks: 1 }),
  outcome({ task: 'cwe', answer: ' ' }),
  sparse({ task: 'cwe', score: 1 }),
];

describe('rowsOf', () => {
  const rows = rowsOf(OUTCOMES);

  it('has dense first and one row a task', () => {
    expect(rows.map(({ policy, task, samples }) => [policy, task, samples])).toEqual([
      ['dense', 'vt', 2],
      ['dense', 'cwe', 1],
      ['balanced', 'vt', 2],
      ['balanced', 'cwe', 1],
    ]);
  });

  it('takes means over samples, rates over all tokens, and recall where it was audited', () => {
    expect(rows[0]).toMatchObject({ accuracy: 0.75, prefill_s: 5, total_s: 6.5, recall: null, cut: 0.5 });
    expect(rows[0]?.tokens_per_s).toBeCloseTo(20 / 3);
    expect(rows[1]).toMatchObject({ empty: 1 });
    expect(rows[2]).toMatchObject({ accuracy: 0.25, density: { prefill: 0.25, decode: 0.5 }, fallbacks: 1 });
    expect(rows[2]?.recall).toBeCloseTo(0.8);
  });

  it('compares answers with those of dense to the same sample', () => {
    expect(rows.map(({ same_as_dense }) => same_as_dense)).toEqual([1, 1, 0.5, 0]);
  });

  it('has no rate where answers are too short to be timed', () => {
    expect(rowsOf([outcome({ answer_tokens: 7 })])[0]?.tokens_per_s).toBeNull();
  });
});

describe('summariesOf', () => {
  const [dense, balanced] = summariesOf(rowsOf(OUTCOMES));

  it('names the task that lost most against dense, and for dense the one with the lowest accuracy', () => {
    expect(dense?.worst).toEqual({ task: 'vt', accuracy: 0.75, loss: 0 });
    expect(balanced?.worst).toEqual({ task: 'vt', accuracy: 0.25, loss: 0.5 });
  });

  it('compares means over the same tasks', () => {
    expect(dense).toMatchObject({ tasks: 2, accuracy: 0.875, loss: 0, prefill_speedup: 1, time_saved: 0 });
    expect(balanced).toMatchObject({ accuracy: 0.625, loss: 0.25, prefill_speedup: 2.25 });
    expect(balanced?.time_saved).toBeCloseTo(1 - 2.5 / 5.75);
  });

  it('leaves out tasks that dense does less well than is asked for', () => {
    const [, sparseOnly] = summariesOf(rowsOf(OUTCOMES), 0.9);
    expect(sparseOnly).toMatchObject({ tasks: 1, accuracy: 1, worst: { task: 'cwe' } });
  });

  it('leaves out what has no dense row beside it', () => {
    expect(summariesOf(rowsOf([sparse({})]))).toEqual([]);
  });
});

describe('tables', () => {
  it('have a line for every row and the worst task of every policy', () => {
    const rows = rowsOf(OUTCOMES);
    expect(rowTable(rows).split('\n')).toHaveLength(5);
    const table = summaryTable(summariesOf(rows));
    expect(table.split('\n')).toHaveLength(3);
    expect(table).toMatch(/balanced \(dense below 0\) .* vt .* 50\.0/);
  });
});

describe('plotOf', () => {
  const svg = plotOf(summariesOf(rowsOf([...OUTCOMES, outcome({ kv: 'int8' }), sparse({ kv: 'int8', score: 0.2 })])));

  it('has a mark with a hint for every policy, KV type and length', () => {
    expect(svg.match(/<title>/g)).toHaveLength(4);
    expect(svg).toContain('<title>balanced (dense below 0), bf16, 4096 tokens: accuracy 62.5 %, time saved 56.5 %');
    expect(svg).toContain('>KV int8<');
  });

  it('puts marks by accuracy and time saved', () => {
    const marks = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
    const [dense = [], balanced = []] = marks;
    expect(balanced[0]).toBeGreaterThan(dense[0] ?? 0);
    expect(balanced[1]).toBeGreaterThan(dense[1] ?? 0);
  });

  it('is well-formed whatever a policy is called', () => {
    const named = plotOf(summariesOf(rowsOf([outcome({}), sparse({ policy: '<b> & "c"\u0007' })])));
    expect(named).not.toMatch(/<b>/);
    expect(named).toContain('&lt;b&gt; &amp; &quot;c&quot; ');
    const opened = [...named.matchAll(/<([a-z]+)[^>]*?(\/?)>/g)].filter(([, , closed]) => closed === '').length;
    expect(opened).toBe([...named.matchAll(/<\/[a-z]+>/g)].length);
  });
});
