import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from './journal.js';
import type { Outcome } from './outcome.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-eval-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SETTINGS = { model: 'needle-3m', seed: 1, form: null };
let path = '';
let files = 0;
beforeEach(() => {
  path = join(folder, `journal-${++files}`);
});

const outcome = (sample: number, score = 1): Outcome => ({
  ...{ policy: 'dense', dense_below: null, kv: 'bf16', task: 'vt', length: 4096, sample, score, answer: 'a\nb' },
  ...{ prompt_tokens: 4000, answer_tokens: 10, cut: false, prefill_s: 1, decode_s: 0.1 },
  ...{ density: { prefill: 1, decode: 1 }, recall: null, breaches: 0, fallbacks: 0 },
});

describe('Journal', () => {
  it('has after a restart what was added before', () => {
    const first = new Journal(path, SETTINGS);
    first.add(outcome(0));
    first.add(outcome(1, 0.5));
    const second = new Journal(path, SETTINGS);
    expect(second.outcomes).toEqual([outcome(0), outcome(1, 0.5)]);
    expect(second.find({ ...outcome(1), score: 0 } as Outcome)).toEqual(outcome(1, 0.5));
    expect(second.find(outcome(2))).toBeNull();
  });

  it('does a sample again whose line was torn, and goes on behind the whole ones', () => {
    new Journal(path, SETTINGS).add(outcome(0));
    const whole = readFileSync(path, 'utf8');
    appendFileSync(path, '{"policy":"dense","sam');
    const again = new Journal(path, SETTINGS);
    expect(again.outcomes).toEqual([outcome(0)]);
    expect(readFileSync(path, 'utf8')).toBe(whole);
    again.add(outcome(1));
    expect(new Journal(path, SETTINGS).outcomes).toHaveLength(2);
  });

  it('refuses a journal of other settings and names each that differs', () => {
    new Journal(path, SETTINGS).add(outcome(0));
    expect(() => new Journal(path, { ...SETTINGS, seed: 2, form: 'plain' })).toThrow(
      expect.objectContaining({
        reason: 'OTHER_SETTINGS',
        message: expect.stringContaining('seed (there 1, here 2), form (there none, here plain)'),
      }),
    );
  });

  it('refuses another policy of the same title, and takes new ones', () => {
    new Journal(path, SETTINGS).declare('balanced (dense below 0)', 'abc');
    const again = new Journal(path, SETTINGS);
    again.declare('balanced (dense below 0)', 'abc');
    again.declare('fast (dense below 0)', 'xyz');
    expect(() => new Journal(path, SETTINGS).declare('fast (dense below 0)', 'uvw')).toThrow(
      expect.objectContaining({
        reason: 'OTHER_SETTINGS',
        message: expect.stringContaining('policy fast (dense below 0) (there xyz, here uvw)'),
      }),
    );
    expect(again.outcomes).toEqual([]);
  });

  it.each([
    ['', 'line 1 is no JSON object'],
    ['[]x\n', 'line 1 is no JSON object'],
    ['{"journal":7,"settings":{}}\n', 'its first line is not the head'],
  ])('refuses what is no journal: %j', (text, problem) => {
    writeFileSync(path, text);
    expect(() => new Journal(path, SETTINGS)).toThrow(
      expect.objectContaining({ reason: 'BAD_JOURNAL', message: expect.stringContaining(problem) }),
    );
  });

  it('names the line that is damaged', () => {
    new Journal(path, SETTINGS).add(outcome(0));
    appendFileSync(path, 'broken\n');
    expect(() => new Journal(path, SETTINGS)).toThrow('line 3 is no JSON object');
  });

  it('keeps nothing without a path', () => {
    const journal = new Journal(null, SETTINGS);
    journal.add(outcome(0));
    expect(journal.outcomes).toEqual([outcome(0)]);
  });
});
