import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ResultsFile, type SparseResults } from './results-file.js';
import { type SparseRow } from './sparse-row.js';

const directory = mkdtempSync(join(tmpdir(), 'longhaul-bench-sparse-'));
afterAll(() => rmSync(directory, { recursive: true }));

const settings = { model: 'm', threads: 2 };
const row = (name: string, ours: number | null): SparseRow => ({
  ...{ case: name, ours, peer: 1, ratio: ours, bar: 1, met: true, density: 0.25, how: '' },
});
const readRows = (path: string): readonly SparseRow[] => (JSON.parse(readFileSync(path, 'utf8')) as SparseResults).rows;

describe('the file of results', () => {
  it('has every row as soon as it is added', () => {
    const path = join(directory, 'rows.json');
    const file = ResultsFile.begin(path, settings);
    file.add(row('a', 1));
    expect(readRows(path)).toEqual([row('a', 1)]);
    file.add(row('b', 2));
    expect(readRows(path).map((each) => each.case)).toEqual(['a', 'b']);
  });

  it('is gone on with: rows that it has are found, those without figures are not', () => {
    const path = join(directory, 'ended.json');
    const file = ResultsFile.begin(path, settings);
    file.add(row('a', 1));
    file.add(row('b', null));
    const resumed = ResultsFile.resume(path, settings);
    expect([resumed.find('a'), resumed.find('b'), resumed.find('c')]).toEqual([row('a', 1), null, null]);
    resumed.add(row('b', 3));
    expect(readRows(path)).toEqual([row('a', 1), row('b', 3)]);
  });

  it('is refused where it is of other settings, or no file of results', () => {
    const path = join(directory, 'other.json');
    ResultsFile.begin(path, settings).add(row('a', 1));
    expect(() => ResultsFile.resume(path, { ...settings, threads: 4 })).toThrow('threads (there 2, here 4)');
    writeFileSync(path, '[]');
    expect(() => ResultsFile.resume(path, settings)).toThrow('has no rows of bench:sparse');
    writeFileSync(path, '{"rows":');
    expect(() => ResultsFile.resume(path, settings)).toThrow(`--resume: ${path} cannot be read`);
    expect(() => ResultsFile.resume(join(directory, 'none'), settings)).toThrow('cannot be read');
  });
});
