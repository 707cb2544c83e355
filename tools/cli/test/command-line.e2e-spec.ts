import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../../..');
const CLI = join(ROOT, 'tools', 'cli', 'dist', 'main.js');
const home = mkdtempSync(join(tmpdir(), 'longhaul-home-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function run(command: string, words: readonly string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name));
  const env = { ...Object.fromEntries(inherited), LONGHAUL_HOME: home };
  return spawnSync(command, words, { cwd: ROOT, env, encoding: 'utf8' });
}

describe('the longhaul command', () => {
  it.each(['serve', 'model', 'chat', 'demo', 'kv'])('has help on %s, which names its flags or verbs', (name) => {
    const { status, stdout, stderr } = run(process.execPath, [CLI, name, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`longhaul ${name}`);
    expect(stdout).toContain('--');
  });

  it('lists the names that are known and what is ready', () => {
    expect(run(process.execPath, [CLI, 'model', 'list']).stdout).toMatch(
      /smollm2-135m-instruct[\s\S]*needle-3m[\s\S]*none/,
    );
    const { stdout } = run(process.execPath, [CLI, 'model', 'list', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      known: ['smollm2-135m-instruct', 'needle-3m'],
      packages: [],
      outdated: [],
    });
  });

  it('names packages of another release, which nothing uses any more', () => {
    const old = join(home, 'models', 'old');
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, 'manifest.json'), JSON.stringify({ format: 'longhaul-model', version: 1 }));
    expect(run(process.execPath, [CLI, 'model', 'list']).stdout).toMatch(/Of another release[^\n]*\n\S*models\/old\n$/);
    const { stdout } = run(process.execPath, [CLI, 'model', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ packages: [], outdated: [old] });
    const { status, stderr } = run(process.execPath, [CLI, 'model', 'verify', old]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('`longhaul model prepare <name>`'),
    });
    rmSync(old, { recursive: true });
  });

  it('says what it does not know on stderr, with exit code 1 and without a stack', () => {
    for (const words of [['sevre'], ['chat', '--modle', 'x'], ['model', 'list', 'x'], ['kv', 'lss']]) {
      const { status, stdout, stderr } = run(process.execPath, [CLI, ...words]);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^longhaul: .*(Did you mean|See --help)/);
      expect(stderr).not.toContain('    at ');
    }
  });

  it('runs by its name with npx in a checkout', () => {
    const { status, stdout } = run('npx', ['longhaul', '--version']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^longhaul \d+\.\d+\.\d+\n$/) });
  }, 180_000);
});
