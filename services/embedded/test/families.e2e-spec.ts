import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { indexOfLargest } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

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

interface RankedGolden extends Golden {
  /** The token that is ranked first after each position. */
  first: number[];
}

/** The golden, and the token that transformers ranks first after each of its positions. */
async function readGolden(name: string): Promise<RankedGolden> {
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
      if (golden.promptTokens.length < served.server.local.info.contextLength) await checkRanking(served, golden);
      else await checkBounds(served, golden);
    } finally {
      await served.close();
    }
  });
});

function complete({ url }: Served, prompt: readonly number[]) {
  const ask = { temperature: 0, max_tokens: 1, ignore_eos: true, logprobs: 0, prompt_logprobs: 1 };
  return post<Scored>(`${url}/v1/completions`, { ...ask, prompt });
}

/** The scores of token i + 1 name the likeliest token after position i. */
async function checkRanking(served: Served, { promptTokens, positions, first }: RankedGolden): Promise<void> {
  const last = first.at(-1) ?? 0;
  const { body } = await complete(served, promptTokens);
  const [choice] = body.choices;
  const inner = positions.slice(0, -1).map((at) => likeliest(choice.prompt_logprobs[at + 1]));
  expect(inner).toEqual(first.slice(0, -1));

  // The API shows the generated token as text; as a part of the prompt it shows as an id.
  const { body: text } = await post<{ prompt: string }>(`${served.url}/detokenize`, { tokens: [last] });
  // A token that is a part of a character is named by its bytes.
  const part = /^bytes:(\\x[0-9a-f]{2})+$/.test(choice.logprobs.tokens[0] ?? '') && text.prompt.includes('\ufffd');
  if (!part) expect(choice.logprobs.tokens).toEqual([text.prompt]);
  const continued = await complete(served, [...promptTokens, last]);
  expect(likeliest(continued.body.choices[0].prompt_logprobs.at(-1))).toBe(last);
}

/** The golden of dynamic scaling is longer than what the checkpoint states; the server keeps to the statement. */
async function checkBounds(served: Served, { promptTokens }: RankedGolden): Promise<void> {
  const { contextLength } = served.server.local.info;
  const refused = await complete(served, promptTokens);
  expect(refused.status).toBe(400);
  expect(refused.body).toMatchObject({
    error: {
      code: 'context_length_exceeded',
      details: { contextLength, promptTokens: promptTokens.length, maxTokens: 1 },
    },
  });
  const answer = await complete(served, promptTokens.slice(0, contextLength - 1));
  expect(answer.body.choices[0].logprobs.tokens).toHaveLength(1);
}
