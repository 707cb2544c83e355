import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '../dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'longhaul-eval-e2e-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);
const MODEL = ['--model', 'needle-3m', '--samples', '2', '--resume', file('journal')];

async function evaluated(...args: string[]) {
  const env = { ...process.env, LONGHAUL_HOME: folder };
  return run(process.execPath, [MAIN, ...MODEL, ...args], { env }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    ({ stdout, stderr, code }: { stdout: string; stderr: string; code: number }) => ({ stdout, stderr, code }),
  );
}

describe('npm run eval', () => {
  it('finds what the model finds, goes on from its journal, and refuses one of other settings', async () => {
    const small = ['--tasks', 'pass_key_1,niah_single_1', '--lengths', '1024', '--json', file('rows.json')];
    const first = await evaluated(...small, '--plot', file('plot.svg'));
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('pass_key_1') });
    const { rows, summaries } = JSON.parse(readFileSync(file('rows.json'), 'utf8')) as Record<string, unknown[]>;
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual(
      expect.objectContaining({ policy: 'dense', task: 'pass_key_1', samples: 2, accuracy: 1, same_as_dense: 1 }),
    );
    expect(summaries?.[0]).toMatchObject({ policy: 'dense', worst: { task: 'niah_single_1' } });
    expect(readFileSync(file('plot.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);

    const journal = readFileSync(file('journal'), 'utf8');
    const again = await evaluated(...small, '--positions', '8', '--kv', 'bf16,int8');
    expect(again.code).toBe(0);
    expect(readFileSync(file('journal'), 'utf8').startsWith(journal)).toBe(true);
    const more = JSON.parse(readFileSync(file('rows.json'), 'utf8')) as Record<string, unknown[]>;
    expect(more['rows']).toHaveLength(4);
    expect(more['agreement']).toContainEqual(
      expect.objectContaining({ policy: 'dense', kv: 'int8', task: 'pass_key_1', phase: 'prefill', positions: 16 }),
    );

    const other = await evaluated(...small, '--seed', '2');
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('seed (there 1, here 2)') });
  });
});
