import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M, seededRandom } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve } from './support/serve.js';

// In a file of their own: a process keeps the metric instruments that it made before its telemetry was started.
const random = seededRandom(5);
const prompt = Array.from({ length: 700 }, () => 300 + Math.floor(random() * 200));

let packages: PackageFolder;
let needle = '';

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterAll(() => packages.remove());

describe('over HTTP', () => {
  it('a request chooses how its attention is computed, and its usage says what that has read', async () => {
    const server = await serve(needle, { kvTokens: 4096 });
    const ask = (attention: unknown) =>
      post<{ usage: { longhaul: Record<string, unknown> } }>(`${server.url}/v1/completions`, {
        ...{ model: server.model, prompt, max_tokens: 4, temperature: 0 },
        longhaul: { attention },
      });
    const { body, status } = await ask({ preset: 'balanced', dense_below: 0 });
    expect(status).toBe(200);
    const { density, kv_bytes_read: bytes } = body.usage.longhaul as {
      density: { prefill: number };
      kv_bytes_read: number;
    };
    expect(body.usage.longhaul).toMatchObject({ policy: 'balanced', quality: 'sparse', audit: null, fallbacks: 0 });
    expect(density.prefill).toBeLessThan(0.95);
    expect(bytes).toBeGreaterThan(0);
    expect((await ask('fast')).body.usage.longhaul).toMatchObject({ policy: 'fast' });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/longhaul_attention_requests_total\{[^}]*policy="fast"[^}]*\} [1-9]/);
    await server.close();
  });

  it('a server whose policies are dense only keeps no bounds of keys, and refuses what needs them', async () => {
    const server = await serve(needle, { kvTokens: 1024, flags: ['--attention-allowed', 'dense'] });
    const longhaul = { attention: 'balanced' };
    const asked = { model: server.model, prompt: 'x', max_tokens: 1, longhaul };
    const { status } = await post(`${server.url}/v1/completions`, asked);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(server.server.local.info.attention?.shape.channels).toEqual([]);
    await server.close();
  });
});
