import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M, needleDocument, passKeyQuestion } from '@longhaul/testing';
import { chatTokens } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

const PAGE_TOKENS = 16;

let packages: PackageFolder;
let needle = '';

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterAll(() => packages.remove());

async function ask({ client, model }: Served, content: string) {
  const messages = [{ role: 'user' as const, content }];
  const answer = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 32 });
  return {
    text: answer.choices[0]?.message.content ?? '',
    promptTokens: answer.usage?.prompt_tokens ?? 0,
    cachedTokens: answer.usage?.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

describe('facts in a long document, int8 weights and bf16 KV', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve(needle, { kvTokens: 10_240 });
  });
  afterAll(() => served.close());

  it.each([
    [4096, 3540],
    [8192, 7280],
  ])('are found at %i tokens: nine of ten pass keys at least', async (tokens, words) => {
    const document = needleDocument(words, 10, tokens);
    const wrong: string[] = [];
    for (const { name, key } of document.passKeys) {
      const answer = await ask(served, `${document.text}\n${passKeyQuestion(name)}`);
      expect(answer.promptTokens).toBeGreaterThanOrEqual(tokens);
      expect(answer.promptTokens).toBeLessThan(tokens * 1.05);
      if (!answer.text.includes(key)) wrong.push(`${name}: ${key}, answered ${answer.text}`);
    }
    expect(wrong.length).toBeLessThanOrEqual(1);
  });
});

describe('the prefix cache', () => {
  it('serves the whole pages that two questions share, and changes no answer', async () => {
    const document = needleDocument(900, 2, 5);
    const questions = document.passKeys.map(({ name }) => `${document.text}\n${passKeyQuestion(name)}`);
    const cached = await serve(needle, { kvTokens: 4096 });
    const uncached = await serve(needle, { kvTokens: 4096, flags: ['--no-enable-prefix-caching'] });
    const [first, second] = await Promise.all(questions.map((question) => chatTokens(cached.url, question)));
    const shared = (first ?? []).findIndex((token, at) => token !== second?.[at]);

    const answers = [];
    for (const question of questions) answers.push(await ask(cached, question));
    expect(answers.map(({ cachedTokens }) => cachedTokens)).toEqual([0, shared - (shared % PAGE_TOKENS)]);
    expect(shared).toBeGreaterThan((second?.length ?? 0) - 32);

    for (const [index, question] of questions.entries()) {
      const fresh = await ask(uncached, question);
      expect(fresh.cachedTokens).toBe(0);
      expect(fresh.text).toBe(answers[index]?.text);
      expect(fresh.text).toContain(document.passKeys[index]?.key);
    }
    await cached.close();
    await uncached.close();
  });
});
