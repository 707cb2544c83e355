import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { METRIC_OWNERS, METRICS, type MetricDefinition, type MetricKey } from '@longhaul/platform-otel';
import { NEEDLE_3M } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

/** Gauges of the store that come with what they measure. */
const WITH_FIRST_BLOCK: ReadonlySet<MetricKey> = new Set<MetricKey>([
  ...(['kvTierBytes', 'kvTierLimitBytes', 'kvTierBlocks', 'kvLeases', 'kvBoundUsed', 'kvBoundLimit'] as const),
]);

let packages: PackageFolder;
let kvDir: string;
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  kvDir = await mkdtemp(join(tmpdir(), 'longhaul-metrics-'));
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  served = await serve(needle, { kvTokens: 2048, flags: ['--kv-dir', kvDir] });
});
afterAll(async () => {
  await served.close();
  await packages.remove();
  await rm(kvDir, { recursive: true, force: true });
});

async function metrics(): Promise<string[]> {
  return (await (await fetch(`${served.url}/metrics`)).text()).split('\n');
}

/** Sum over all series of a family. */
async function total(key: MetricKey): Promise<number> {
  const { name } = METRICS[key];
  const lines = (await metrics()).filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function totals() {
  const [prompt, sources, cached, generated] = await Promise.all([
    total('promptTokens'),
    total('promptTokensBySource'),
    total('promptTokensCached'),
    total('generationTokens'),
  ]);
  return { prompt, sources, cached, generated };
}

describe('a fresh server', () => {
  it('shows every metric of its parts before the first request', async () => {
    const text = await metrics();
    const keys = (['engine', 'router', 'store', 'process'] as const).flatMap(
      (owner): readonly MetricKey[] => METRIC_OWNERS[owner],
    );
    const absent = keys
      .filter((key) => !WITH_FIRST_BLOCK.has(key))
      .map((key): MetricDefinition => METRICS[key])
      .flatMap(({ name, kind, alias }) => [name, alias ?? name].map((n) => (kind === 'histogram' ? `${n}_count` : n)))
      .filter((name) => !text.some((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)));
    expect(absent).toEqual([]);
  });
});

describe('token counters', () => {
  it('are the usage of requests that finished', async () => {
    const before = await totals();
    const body = {
      model: served.model,
      prompt: 'one two three four five six seven eight nine ten',
      max_tokens: 6,
      n: 2,
    };
    let prompt = 0;
    let generated = 0;
    for (let i = 0; i < 3; i++) {
      const { usage } = (
        await post<{ usage: { prompt_tokens: number; completion_tokens: number } }>(
          `${served.url}/v1/completions`,
          body,
        )
      ).body;
      prompt += usage.prompt_tokens;
      generated += usage.completion_tokens;
    }
    const after = await totals();
    expect(after.prompt - before.prompt).toBe(prompt);
    expect(after.sources - before.sources).toBe(prompt);
    expect(after.generated - before.generated).toBe(generated);
  });

  it('count what was generated for clients that went away', async () => {
    const before = await totals();
    const asked = 5;
    let read = 0;
    for (let i = 0; i < asked; i++) {
      const leave = new AbortController();
      const prompt = `stream ${i} ${'word '.repeat(30)}`;
      const response = await fetch(`${served.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: served.model, prompt, max_tokens: 1000, ignore_eos: true, stream: true }),
        signal: leave.signal,
      });
      const reader = response.body!.getReader();
      const { value } = await reader.read();
      read += new TextDecoder().decode(value).split('data: ').length - 1;
      leave.abort();
    }
    await idle();
    const after = await totals();
    expect(after.generated - before.generated).toBeGreaterThanOrEqual(read);
    expect(after.generated - before.generated).toBeLessThan(asked * 1000);
    expect(after.sources - before.sources).toBe(after.prompt - before.prompt);
  });
});

async function idle(): Promise<void> {
  while ((await total('requestsRunning')) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}
