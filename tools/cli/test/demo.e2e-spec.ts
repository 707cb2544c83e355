import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';

const CLI = resolve(import.meta.dirname, '../dist/main.js');
const home = mkdtempSync(join(tmpdir(), 'longhaul-demo-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function demo(...flags: string[]) {
  const env = { ...process.env, NODE_OPTIONS: '', LONGHAUL_HOME: home, LONGHAUL_API_KEY: '' };
  return spawnSync(process.execPath, [CLI, 'demo', '--model', 'needle-3m', ...flags], { env, encoding: 'utf8' });
}

describe('longhaul demo', () => {
  it('asks dense and under a preset, finds every pass key both ways, and prints one beside the other', () => {
    // Beyond the length below which the preset is dense.
    const { status, stdout } = demo('--tokens', '12000', '--questions', '2', '--attention', 'balanced');
    expect(status).toBe(0);
    expect(stdout.match(/^ {3}dense {5}\S.*\(right\)$/gm)).toHaveLength(2);
    expect(stdout.match(/^ {3}balanced {2}\S.*\(right\)$/gm)).toHaveLength(2);
    expect(stdout).toContain('2 of 2 answers are right dense, 2 balanced');
    const read = [...stdout.matchAll(/read (\S+) % of the keys for the prompt, (\S+) % for the answer/g)];
    const [dense, sparse] = [read[0], read[1]].map((line) => [Number(line?.[1]), Number(line?.[2])]);
    expect(dense).toEqual([100, 100]);
    for (const share of sparse ?? []) expect(share).toBeLessThan(95);
    expect(stdout).toMatch(/^reading the document: \S+ s dense, \S+ s balanced: \S+ times as fast$/m);
    expect(stdout).toMatch(/^answering: \S+ tokens\/s dense, \S+ balanced: \S+ times as fast$/m);
  });

  it('says what is wrong with a policy before it reads a document', () => {
    const { status, stdout, stderr } = demo('--tokens', '4000', '--attention', 'sparse');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('longhaul.attention');
  });
});
