import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { quest, type PolicySpec } from '@longhaul/attention';
import { NEEDLE_3M } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

jest.setTimeout(120_000);

/** One page of each prompt, in every layer. */
const crippled: PolicySpec = { name: 'crippled', plans: quest({ budgetTokens: 16, denseLayers: 0 }) };
const STEPS = 32;

let packages: PackageFolder;
let served: Served;
beforeAll(async () => {
  packages = await PackageFolder.create();
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  served = await serve(needle, { kvTokens: 8192, flags: ['--audit-share', '0.05'] });
});
afterAll(async () => {
  await served.close();
  await packages.remove();
});

interface Usage {
  fallbacks: number;
  audit: { samples: number; recall: number } | null;
}

async function ask(seed: number, attention = crippled) {
  const prompt = Array.from({ length: 600 }, (_, i) => 300 + ((i * (seed + 7) + (i >> 4)) % 200));
  const body = { model: served.model, prompt, max_tokens: STEPS + 1, temperature: 0, ignore_eos: true };
  const asked = { ...body, longhaul: { attention } };
  type Completion = { choices: [{ text: string }]; usage: { longhaul: Usage } };
  return (await post<Completion>(`${served.url}/v1/completions`, asked)).body;
}

describe('a policy with a budget of one page', () => {
  it.each([1, 2, 4, 6])('is caught by an audit of 5 % within 32 decode steps, text %d', async (seed) => {
    const { usage, choices } = await ask(seed);
    expect(usage.longhaul).toMatchObject({ fallbacks: 1, audit: { samples: expect.any(Number) } });
    // Again, and from the cache: the same text.
    expect((await ask(seed)).choices[0].text).toBe(choices[0].text);
  });

  it.each([3, 5])('is left alone where that page has more than half of the attention, text %d', async (seed) => {
    const { audit, fallbacks } = (await ask(seed)).usage.longhaul;
    expect(fallbacks).toBe(0);
    expect(audit?.recall).toBeGreaterThan(0.5);
  });

  it('ends densely where its own bound asks for more than the denser policy keeps', async () => {
    const { usage } = await ask(2, { ...crippled, audit: { least_recall: 0.95 } });
    expect(usage.longhaul.fallbacks).toBe(2);
  });

  it('is told of in /metrics', async () => {
    const metrics = await (await fetch(`${served.url}/metrics`)).text();
    for (const to of ['denser', 'dense']) {
      const series = `longhaul_attention_audit_fallbacks_total\\{[^}]*policy="custom",to="${to}"[^}]*\\} [1-9]`;
      expect(metrics).toMatch(new RegExp(series));
    }
  });
});
