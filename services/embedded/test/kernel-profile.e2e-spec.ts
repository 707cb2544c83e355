import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadEngine, type KernelLevel } from '@longhaul/engine-native';
import { NEEDLE_3M, needleDocument, passKeyQuestion } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

interface Kernels {
  profile_id: string | null;
  source: string;
  levels: Record<string, string>;
}

interface Completion {
  choices: { message: { content: string } }[];
  usage: { prompt_tokens_details: { cached_tokens: number } };
}

const document = needleDocument(600, 1, 5);
const passKey = document.passKeys[0];
const homeBefore = process.env['LONGHAUL_HOME'];

let packages: PackageFolder;
let needle = '';
let home = '';

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  home = await mkdtemp(join(tmpdir(), 'longhaul-home-'));
  process.env['LONGHAUL_HOME'] = home;
});
afterAll(async () => {
  if (homeBefore === undefined) delete process.env['LONGHAUL_HOME'];
  else process.env['LONGHAUL_HOME'] = homeBefore;
  await rm(home, { recursive: true, force: true });
  await packages.remove();
});

async function withServer<T>(flags: readonly string[], use: (served: Served) => Promise<T>): Promise<T> {
  const served = await serve(needle, { kvTokens: 2048, flags });
  try {
    return await use(served);
  } finally {
    await served.close();
  }
}

async function kernelsOf({ url, model }: Served): Promise<Kernels> {
  const response = await fetch(`${url}/v1/models/${model}`);
  return ((await response.json()) as { kernels: Kernels }).kernels;
}

async function ask({ url, model }: Served): Promise<Completion> {
  const content = `${document.text}\n${passKeyQuestion(passKey?.name ?? '')}`;
  const request = { model, messages: [{ role: 'user', content }], temperature: 0, max_tokens: 24 };
  return (await post<Completion>(`${url}/v1/chat/completions`, request)).body;
}

/** The machine's record with attention at another level, as a file to pin. */
async function pinned(level: KernelLevel): Promise<string> {
  const folder = join(home, 'kernel-profiles');
  const [name = ''] = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  const profile = JSON.parse(await readFile(join(folder, name), 'utf8')) as { operators: Record<string, unknown>[] };
  const operators = profile.operators.map((one) => (one['operator'] === 'attention/bf16' ? { ...one, level } : one));
  const path = join(home, `pinned-${level}`);
  await writeFile(path, JSON.stringify({ ...profile, operators }));
  return path;
}

describe('the kernel profile of a served model', () => {
  it('is measured by the first server and used by the next, which both say so', async () => {
    const first = await withServer([], kernelsOf);
    const [second, metrics] = await withServer([], async (served) => [
      await kernelsOf(served),
      await (await fetch(`${served.url}/metrics`)).text(),
    ]);
    expect(first.source).toBe('measured');
    expect(Object.keys(first.levels).sort()).toEqual(['attention/bf16', 'linear/int8']);
    expect(second).toEqual({ ...first, source: 'stored' });
    const level = second.levels['attention/bf16'] ?? '';
    const sample = new RegExp(
      `^longhaul_kernel_info{.*operator="attention",dtype="bf16",level="${level}",source="stored"`,
      'm',
    );
    expect(metrics).toMatch(sample);
  });

  it('may differ between two that share a store: KV of one level is used at another, and the answer is right', async () => {
    const { kernels } = (await loadEngine()).runtime;
    const levels = kernels['attention/bf16'].filter(({ supported }) => supported).map(({ level }) => level);
    const [one = 'scalar', other = 'scalar'] = levels.slice(-2);
    const kv = ['--kv-dir', join(home, 'kv')];
    const flags = async (level: KernelLevel) => [...kv, '--kernel-profile', await pinned(level)];
    const written = await withServer(await flags(one), ask);
    const [used, report] = await withServer(await flags(other), async (served) => [
      await ask(served),
      await kernelsOf(served),
    ]);
    expect(report).toMatchObject({ source: 'pinned', levels: { 'attention/bf16': other } });
    expect(written.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(used.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(500);
    for (const { choices } of [written, used]) expect(choices[0]?.message.content).toContain(passKey?.key);
  });
});
