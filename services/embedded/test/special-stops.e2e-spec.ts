import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M, streamCompletion, type CompletionBody } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

/** The model's end token, and a special token that ends nothing by itself. */
const END = { text: '<|end|>', id: 4 };
const ASSISTANT = { text: '<|assistant|>', id: 3 };

let packages: PackageFolder;
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  served = await serve(await packages.import(NEEDLE_3M, 'needle-3m', 'int8'), { kvTokens: 4096 });
});
afterAll(async () => {
  await served.close();
  await packages.remove();
});

interface Choice {
  text: string;
  finish_reason: string;
  stop_reason: string | null;
}

/** Three tokens of text, then the special token. */
function body(token: typeof END, more: object): object {
  const bias = { [String(token.id)]: 100 };
  const prompt = 'The pass key is';
  return { model: served.model, prompt, max_tokens: 8, temperature: 0, min_tokens: 3, logit_bias: bias, ...more };
}

async function plainText(): Promise<string> {
  const prompt = { model: served.model, prompt: 'The pass key is', max_tokens: 3, temperature: 0, ignore_eos: true };
  return (await post<{ choices: Choice[] }>(`${served.url}/v1/completions`, prompt)).body.choices[0]?.text ?? '';
}

describe('a stop string that is a special token', () => {
  it('matches with every combination of ignore_eos, skip_special_tokens and streaming; what comes before it is shown', async () => {
    const text = await plainText();
    for (const ignore_eos of [false, true]) {
      for (const skip_special_tokens of [true, false]) {
        for (const include_stop_str_in_output of [true, false]) {
          const asked = body(END, { stop: [END.text], ignore_eos, skip_special_tokens, include_stop_str_in_output });
          const shown = include_stop_str_in_output ? text + END.text : text;
          const { body: answer } = await post<{ choices: Choice[] }>(`${served.url}/v1/completions`, asked);
          expect(answer.choices[0]).toMatchObject({ text: shown, finish_reason: 'stop', stop_reason: END.text });
          const [streamed] = await streamCompletion(served.url, asked as CompletionBody);
          expect(streamed).toMatchObject({ text: shown, finishReason: 'stop' });
        }
      }
    }
  });

  it('matches where it is no end token, and together with the text before it', async () => {
    const stop = [ASSISTANT.text];
    const asked = body(ASSISTANT, { stop, min_tokens: 0, ignore_eos: true });
    const { body: alone } = await post<{ choices: Choice[] }>(`${served.url}/v1/completions`, asked);
    expect(alone.choices[0]).toMatchObject({ text: '', finish_reason: 'stop', stop_reason: ASSISTANT.text });
    const text = await plainText();
    const joined = text.slice(-1) + END.text;
    const { body: cut } = await post<{ choices: Choice[] }>(
      `${served.url}/v1/completions`,
      body(END, { stop: [joined] }),
    );
    expect(cut.choices[0]).toMatchObject({ text: text.slice(0, -1), finish_reason: 'stop', stop_reason: joined });
  });
});
