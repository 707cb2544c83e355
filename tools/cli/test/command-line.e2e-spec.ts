import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';

interface DoctorReport {
  kernels: {
    operator: string;
    supported: boolean;
    prefillGops: number | null;
    decodeGbps: number | null;
    best: boolean;
  }[];
  cuda: { what: string }[];
}

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
  it.each(['serve', 'model', 'chat', 'demo', 'kv', 'doctor'])(
    'has help on %s, which names its flags or verbs',
    (name) => {
      const { status, stdout, stderr } = run(process.execPath, [CLI, name, '--help']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(`longhaul ${name}`);
      expect(stdout).toContain('--');
    },
  );

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

  it('examines the machine: every kernel with its rates where it runs, and each thing that CUDA needs', () => {
    const { status, stdout } = run(process.execPath, [CLI, 'doctor', '--json']);
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(report).toMatchObject({ problems: [], onnxRuntime: { version: expect.any(String) }, home: { path: home } });
    for (const { operator, supported, prefillGops, decodeGbps } of report.kernels) {
      expect(decodeGbps !== null).toBe(supported);
      if (operator !== 'linear/int8') expect(prefillGops !== null && prefillGops > 0).toBe(supported);
    }
    const chosen = report.kernels.filter(({ best }) => best).map(({ operator }) => operator);
    expect(new Set(chosen)).toEqual(new Set(report.kernels.map(({ operator }) => operator)));
    expect(report.cuda.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['libcuda.so.1', 'libcudnn.so.9', 'libonnxruntime_providers_cuda.so']),
    );
    expect(run(process.execPath, [CLI, 'doctor']).stdout).toMatch(/attention\/bf16 +scalar[\s\S]*Problems: none/);
  });

  it('ends the examination with exit code 1 where a server could not run, and says why', () => {
    const file = join(home, 'a-file');
    writeFileSync(file, '');
    const { status, stdout } = run(process.execPath, [CLI, 'doctor', '--kv-dir', join(file, 'kv')]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringContaining(`${file}/kv cannot be written`) });
  });

  it('says what it does not know on stderr, with exit code 1 and without a stack', () => {
    for (const words of [['sevre'], ['doctor', 'x'], ['chat', '--modle', 'x'], ['model', 'list', 'x'], ['kv', 'lss']]) {
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
