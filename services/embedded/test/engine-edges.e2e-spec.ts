import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M } from '@longhaul/testing';
import fc from 'fast-check';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

const CONTEXT = 256;
const VOCABULARY = 1024;

let packages: PackageFolder;
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  served = await serve(needle, { kvTokens: 2048, flags: ['--max-model-len', String(CONTEXT)] });
});
afterAll(async () => {
  await served.close();
  await packages.remove();
});

interface Completion {
  choices: { text: string; finish_reason: string }[];
  usage: { completion_tokens: number };
  error?: { code: string; param: string };
}

function complete(more: object) {
  const body = { model: served.model, prompt: 'The pass key is', max_tokens: 3, ...more };
  return post<Completion>(`${served.url}/v1/completions`, body);
}

const within = (least: number, most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(least, most), fc.double({ min: least, max: most, noNaN: true }));
const bias = fc.array(fc.tuple(fc.nat(VOCABULARY - 1), within(-100, 100)), { maxLength: VOCABULARY });

describe('sampling over HTTP', () => {
  it('with any legal values gives an answer, and the engine is well afterwards', async () => {
    const legal = fc.record({
      temperature: fc.oneof(fc.constantFrom(0, 5e-324, 1e-310), within(0, 2)),
      top_p: fc.oneof(fc.constantFrom(5e-324, 1 - 2 ** -53), within(5e-324, 1)),
      min_p: within(0, 1),
      top_k: fc.constantFrom(0, 1, VOCABULARY),
      repetition_penalty: within(0.01, 100),
      presence_penalty: within(-2, 2),
      frequency_penalty: within(-2, 2),
      logit_bias: bias.map((entries) => Object.fromEntries(entries)),
      n: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(legal, async (values) => {
        const { status, body } = await complete({ ...values, ignore_eos: true });
        expect([status, body.usage?.completion_tokens]).toEqual([200, 3 * values.n]);
      }),
      { numRuns: 60 },
    );
    expect(served.server.local.engine.failure()).toBeNull();
  });

  it('with a repetition penalty outside its range is refused, as often as it is tried', async () => {
    for (const repetition_penalty of [1e-39, 1e-38, 0, 0.0099, 100.1, -1, 1e39, 1e-39, 1e-39, 1e-39]) {
      const { status, body } = await complete({ repetition_penalty });
      expect([status, body.error?.param]).toEqual([400, 'repetition_penalty']);
    }
    for (const path of ['live', 'ready']) expect((await fetch(`${served.url}/${path}`)).status).toBe(200);
    expect((await complete({})).status).toBe(200);
  });
});

describe('lengths', () => {
  const prompt = (tokens: number) => Array.from({ length: tokens }, (_, i) => 5 + (i % 1000));

  it('fill the context to its last token, and no more', async () => {
    const full = await complete({ prompt: prompt(CONTEXT - 1), max_tokens: 1 });
    expect([full.status, full.body.usage?.completion_tokens]).toEqual([200, 1]);
    const over = await complete({ prompt: prompt(CONTEXT), max_tokens: 1 });
    expect(over.status).toBe(400);
    const long = await complete({ prompt: prompt(CONTEXT - 3), max_tokens: 3, n: 3, ignore_eos: true });
    expect([long.status, long.body.usage?.completion_tokens]).toEqual([200, 9]);
  });

  it('of one token, and tokens at the ends of the vocabulary, are answered; others are refused', async () => {
    for (const token of [0, VOCABULARY - 1])
      expect((await complete({ prompt: [token], max_tokens: 1 })).status).toBe(200);
    for (const token of [-1, VOCABULARY, 2 ** 31 - 1, 1.5]) {
      expect((await complete({ prompt: [token], max_tokens: 1 })).status).toBe(400);
    }
  });
});

describe('a request whose end tokens are all excluded', () => {
  it('goes on with what is left', async () => {
    const asked = { stop_token_ids: Array.from({ length: 64 }, (_, token) => token), min_tokens: 3 };
    const { status, body } = await complete(asked);
    expect([status, body.usage?.completion_tokens]).toEqual([200, 3]);
  });
});
