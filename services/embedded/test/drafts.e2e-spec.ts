import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { post } from './support/api.js';
import { defaultModel } from './support/default-model.js';
import { serve, type Served } from './support/serve.js';

interface Answer {
  choices: { text: string; finish_reason: string; logprobs: { tokens: string[]; token_logprobs: number[] } }[];
  usage: {
    completion_tokens: number;
    completion_tokens_details?: { accepted_prediction_tokens: number; rejected_prediction_tokens: number };
  };
}

/** An inventory with lines that are much alike, and its beginning once more: the model goes on copying. */
const LINES = ['apples', 'pears', 'plums', 'cherries', 'walnuts', 'figs', 'dates', 'quinces'].map(
  (name, i) => `Item ${i + 1}: ${name}, ${7 * (i + 2)} crates, shelf ${(i * 5) % 9}, checked by Maria.`,
);
const COPY = `Inventory:\n${LINES.join('\n')}\n\nThe same inventory again:\n${LINES[0]}\n`;
const OWN_WORDS = 'The three most important things about the sea are';

const MODEL_TIMEOUT_MS = 600_000;
const int8 = await defaultModel('int8');
const withModel = 'missing' in int8 ? it.skip : it;
let served: Served;

const base = { max_tokens: 80, ignore_eos: true, logprobs: 2 };
/** Greedy and sampled, with everything that a draw may depend on. */
const SETTINGS: readonly Record<string, unknown>[] = [
  { temperature: 0 },
  { temperature: 0, repetition_penalty: 1.3, frequency_penalty: 0.4, presence_penalty: 0.3 },
  { temperature: 0.7, top_p: 0.9, top_k: 40, min_p: 0.02, seed: 3 },
  { temperature: 1.2, seed: 4, n: 3 },
  { temperature: 0, stop: ['quinces', 'checked by Maria.\nItem 4'], min_tokens: 5 },
  { temperature: 0, logit_bias: { 28: 2 }, ignore_eos: false },
];
const CASES = [COPY, OWN_WORDS].flatMap((prompt) => SETTINGS.map((setting) => ({ prompt, ...base, ...setting })));

async function ask(body: object, drafted: boolean): Promise<Answer> {
  const longhaul = drafted ? { speculation: { kind: 'lookup' } } : null;
  const { status, body: answer } = await post<Answer>(`${served.url}/v1/completions`, { ...body, longhaul });
  expect(status).toBe(200);
  return answer;
}

describe('lookup drafts on the default model', () => {
  beforeAll(async () => {
    if ('dir' in int8) served = await serve(int8.dir, { kvTokens: 8192, flags: ['--max-num-seqs', '8'] });
  }, MODEL_TIMEOUT_MS);
  afterAll(() => served?.close());

  withModel(
    'change no token, no text and no bit of a log-probability, greedy or sampled, alone or side by side',
    async () => {
      const alone: Answer[] = [];
      for (const body of CASES) alone.push(await ask(body, false));
      const drafted = await Promise.all(CASES.map((body) => ask(body, true)));
      drafted.forEach(({ choices }, i) => expect(choices).toEqual(alone[i]?.choices));
      for (const at of [0, 2]) expect((await ask(CASES[at] ?? {}, true)).choices).toEqual(alone[at]?.choices);
    },
    MODEL_TIMEOUT_MS,
  );

  withModel(
    'give most tokens of an answer that copies its prompt',
    async () => {
      const { usage } = await ask({ prompt: COPY, max_tokens: 120, temperature: 0 }, true);
      const { accepted_prediction_tokens: accepted = 0 } = usage.completion_tokens_details ?? {};
      expect(accepted).toBeGreaterThan(usage.completion_tokens / 2);
    },
    MODEL_TIMEOUT_MS,
  );
});
