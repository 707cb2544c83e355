import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AttentionProbeSums } from '@longhaul/engine-native';
import { CalibrationRecord } from './calibration-record.js';
import { SUM_NAMES } from './probe-sums.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-calibration-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sumsOf = (...values: number[]): AttentionProbeSums =>
  Object.fromEntries(SUM_NAMES.map((name) => [name, Float64Array.from(values)])) as unknown as AttentionProbeSums;
const settings = { tokens: 512, methods: 'heads' };

describe('the record of a calibration', () => {
  it('goes on where it was left, with the same bits', () => {
    // Sums whose last bits depend on the order.
    const samples = [0.1, 1 / 3, 1e16, -1e16, 0.7].map((value) => sumsOf(value, 1 / value));
    const whole = new CalibrationRecord(folder, { ...settings, run: 'whole' });
    for (const sample of samples) whole.add('text', sample);
    for (const [i, sample] of samples.entries()) {
      const again = new CalibrationRecord(folder, settings);
      expect(again.done('text')).toBe(i);
      again.add('text', sample);
    }
    const last = new CalibrationRecord(folder, settings);
    expect(last.sums('text')).toEqual(whole.sums('text'));
    expect([last.done('copies'), last.sums('copies')]).toEqual([0, null]);
  });

  it('is of its settings alone', () => {
    new CalibrationRecord(folder, settings).add('copies', sumsOf(1));
    expect(new CalibrationRecord(folder, { ...settings, tokens: 513 }).done('copies')).toBe(0);
    expect(new CalibrationRecord(folder, { methods: 'heads', tokens: 512 }).done('copies')).toBe(1);
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['of another version', (text: string) => text.replace('"calibration":1', '"calibration":2')],
    ['with a number that is none', (text: string) => text.replace('[1]', '["x"]')],
    ['with a list missing', (text: string) => text.replace('"tokens"', '"token"')],
  ])('is begun anew where its file is %s', (_, damage) => {
    new CalibrationRecord(folder, settings).add('copies', sumsOf(1));
    const [file = ''] = readdirSync(folder);
    const path = join(folder, file);
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    const again = new CalibrationRecord(folder, settings);
    expect(again.done('copies')).toBe(0);
    again.add('copies', sumsOf(2));
    expect(new CalibrationRecord(folder, settings).sums('copies')?.tokens[0]).toBe(2);
  });

  it('leaves nothing behind when it is done with', () => {
    const record = new CalibrationRecord(folder, settings);
    record.add('copies', sumsOf(1));
    record.remove();
    expect(readdirSync(folder)).toEqual([]);
  });
});
