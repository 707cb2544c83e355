import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M, needleDocument, passKeyQuestion } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

interface AttentionUsage {
  policy: string;
  quality: string;
  density: { prefill: number; decode: number };
  kv_bytes_read: number;
  audit: { samples: number; recall: number | null; breaches: number } | null;
  fallbacks: number;
}

interface Answer {
  choices: { message: { content: string } }[];
  usage: { longhaul: AttentionUsage };
  error?: { param: string; message: string };
}

/** Decode alone: the best pages of a budget far below the prompt. */
const PAGES = {
  name: 'pages',
  plans: [
    {
      phase: 'decode',
      branches: [
        {
          range: 'all',
          scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' } },
          selector: { rule: 'top-k', tokens: 1024 },
        },
      ],
    },
  ],
};
const document = needleDocument(3540, 2, 11);
const [first = { name: '', key: '' }] = document.passKeys;

let packages: PackageFolder;
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  served = await serve(needle, { kvTokens: 32_768, flags: ['--attention-default', 'balanced'] });
});
afterAll(async () => {
  await served?.close();
  await packages.remove();
});

async function ask(longhaul: object, salt: string): Promise<{ text: string; usage: AttentionUsage }> {
  const content = `${document.text}\n${passKeyQuestion(first.name)}`;
  const { status, body } = await post<Answer>(`${served.url}/v1/chat/completions`, {
    ...{ messages: [{ role: 'user', content }], temperature: 0, max_tokens: 32, cache_salt: salt, longhaul },
  });
  expect(body.error).toBeUndefined();
  expect(status).toBe(200);
  return { text: body.choices[0]?.message.content ?? '', usage: body.usage.longhaul };
}

describe('attention by request, on a real model', () => {
  it('answers densely where dense is asked for, and says that nothing was left out', async () => {
    const { text, usage } = await ask({ attention: 'dense' }, 'dense');
    expect(text).toContain(first.key);
    expect(usage).toMatchObject({
      policy: 'dense',
      quality: 'exact',
      density: { prefill: 1, decode: 1 },
      fallbacks: 0,
    });
    expect(usage.kv_bytes_read).toBeGreaterThan(0);
  });

  it('answers right from a part of the keys, and says how much it read', async () => {
    const dense = await ask({ attention: 'dense' }, 'again');
    const balanced = await ask({ attention: { preset: 'balanced', dense_below: 0 } }, 'balanced');
    expect(balanced.text).toContain(first.key);
    expect(balanced.usage).toMatchObject({ policy: 'balanced', quality: 'sparse' });
    expect(balanced.usage.density.prefill).toBeLessThan(1);
    expect(balanced.usage.density.prefill).toBeGreaterThan(0);
    const pages = await ask({ attention: PAGES }, 'pages');
    expect(pages.text).toContain(first.key);
    expect(pages.usage).toMatchObject({ policy: 'pages', quality: 'sparse', density: { prefill: 1 } });
    expect(pages.usage.density.decode).toBeLessThan(0.5);
    expect(pages.usage.kv_bytes_read).toBeLessThan(dense.usage.kv_bytes_read);
  });

  it('takes the default of the server where nothing is said; below its length a preset is dense', async () => {
    const { text, usage } = await ask({}, 'default');
    expect(text).toContain(first.key);
    expect(usage).toMatchObject({ policy: 'balanced', density: { prefill: 1, decode: 1 } });
  });

  it('refuses what the model cannot have, by the field', async () => {
    const gated = { ...PAGES.plans[0], gates: { heads: 'retrieval', sparsity: 0.5 } };
    const { status, body } = await post<Answer>(`${served.url}/v1/completions`, {
      ...{ prompt: 'x', max_tokens: 1, longhaul: { attention: { plans: [gated] } } },
    });
    expect([status, body.error?.param]).toEqual([400, 'longhaul.attention.plans[0]']);
    expect(body.error?.message).toContain('longhaul model calibrate');
  });
});
