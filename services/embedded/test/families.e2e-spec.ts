import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { indexOfLargest } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve } from './support/serve.js';

const OUT = fileURLToPath(new URL('../../../tools/goldens/out', import.meta.url));
const cases = readdirSync(OUT).filter((name) => existsSync(join(OUT, name, 'golden.json')));

interface Golden {
  promptTokens: number[];
  /** Ascending; the last is the last token of the prompt. */
  positions: number[];
  vocabSize: number;
}

interface Scored {
  choices: [{ logprobs: { tokens: string[] }; prompt_logprobs: (Record<string, { logprob: number }> | null)[] }];
}

/** The golden, and the token that transformers ranks first after each of its positions. */
async function readGolden(name: string): Promise<Golden & { first: number[] }> {
  const golden = JSON.parse(await readFile(join(OUT, name, 'golden.json'), 'utf8')) as Golden;
  const bytes = await readFile(join(OUT, name, 'logits.bin'));
  const logits = new Float32Array(new Uint8Array(bytes).buffer);
  const row = (at: number) => logits.subarray(at * golden.vocabSize, (at + 1) * golden.vocabSize);
  return { ...golden, first: golden.positions.map((_, at) => indexOfLargest(row(at))) };
}

function likeliest(scores: Record<string, { logprob: number }> | null | undefined): number {
  const entries = Object.entries(scores ?? {});
  const best = Math.max(...entries.map(([, { logprob }]) => logprob));
  return Number(entries.find(([, { logprob }]) => logprob === best)?.[0]);
}

let packages: PackageFolder;
beforeAll(async () => {
  packages = await PackageFolder.create();
});
afterAll(() => packages.remove());

describe.each(cases)('the checkpoint %s', (name) => {
  it('is imported and continued over HTTP with the tokens that transformers ranks first', async () => {
    const golden = await readGolden(name);
    const dir = await packages.import(join(OUT, name), name, 'f32');
    const served = await serve(dir, { kvTokens: 512, flags: ['--kv-cache-dtype', 'f32', '--threads', '1'] });
    try {
      const ask = { prompt: golden.promptTokens, temperature: 0, max_tokens: 1, ignore_eos: true, logprobs: 0 };
      const { body } = await post<Scored>(`${served.url}/v1/completions`, { ...ask, prompt_logprobs: 1 });
      const [choice] = body.choices;
      // The scores of token i + 1 name the likeliest token after position i.
      const inner = golden.positions.slice(0, -1).map((at) => likeliest(choice.prompt_logprobs[at + 1]));
      expect(inner).toEqual(golden.first.slice(0, -1));

      const last = golden.first.at(-1) ?? 0;
      const { body: text } = await post<{ prompt: string }>(`${served.url}/detokenize`, { tokens: [last] });
      expect(choice.logprobs.tokens).toEqual([text.prompt]);
      const continued = [...golden.promptTokens, last];
      const again = await post<Scored>(`${served.url}/v1/completions`, {
        ...ask,
        prompt: continued,
        prompt_logprobs: 1,
      });
      expect(likeliest(again.body.choices[0].prompt_logprobs.at(-1))).toBe(last);
    } finally {
      await served.close();
    }
  });
});
