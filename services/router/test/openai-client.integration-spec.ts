import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { renderChat } from './support/byte-codec.js';
import { SCRIPTED_MODEL as MODEL, scriptedText } from '@longhaul/testing';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
let client: OpenAI;
const messages = [{ role: 'user' as const, content: 'Good day' }];
const model = MODEL.id;
const prompt = renderChat(messages);

beforeAll(async () => {
  running = await startRouter({ ssePingMs: 50 });
  client = new OpenAI({ baseURL: `${running.server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

beforeEach(() => {
  Object.assign(running.backend.script, {
    prefillMs: 0,
    tokenMs: 0,
    textRepeat: 1,
    refuse: null,
    failAfter: null,
    ready: true,
  });
});

afterAll(() => running.server.close());

describe('chat completions', () => {
  it('answers whole, with usage and cached tokens', async () => {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 5, n: 2 });
    expect(answer.object).toBe('chat.completion');
    expect(answer.choices.map((choice) => choice.message.content)).toEqual([
      scriptedText(prompt, 5, 0),
      scriptedText(prompt, 5, 1),
    ]);
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage).toEqual({
      prompt_tokens: prompt.length,
      completion_tokens: 10,
      total_tokens: prompt.length + 10,
      prompt_tokens_details: { cached_tokens: 3 },
      longhaul: null,
    });
  });

  it('streams the same text as it answers whole, with usage last when asked', async () => {
    const stream = await client.chat.completions.create({
      model,
      messages,
      max_completion_tokens: 6,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(scriptedText(prompt, 6));
    expect(chunks.filter((chunk) => chunk.choices[0]?.finish_reason === 'length')).toHaveLength(1);
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(6);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  it('gives log-probabilities per token, streaming and not', async () => {
    const ask = { model, messages, max_tokens: 2, logprobs: true, top_logprobs: 2 } as const;
    const whole = await client.chat.completions.create(ask);
    const entry = whole.choices[0]?.logprobs?.content?.[0];
    expect(entry).toMatchObject({
      token: scriptedText(prompt, 1),
      logprob: -0.5,
      top_logprobs: [{ token: 'A' }, { token: 'B' }],
    });
    expect(entry?.bytes).toEqual([...Buffer.from(scriptedText(prompt, 1))]);
    const streamed = [];
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    expect(streamed).toEqual(whole.choices[0]?.logprobs?.content);
  });

  it('passes every parameter on, and fills the rest from the model', async () => {
    const extension = {
      top_k: 7,
      min_p: 0.1,
      repetition_penalty: 1.1,
      ignore_eos: true,
      min_tokens: 1,
      stop_token_ids: [5],
      priority: 2,
      cache_salt: 's',
    };
    await client.chat.completions.create({
      model,
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
      max_tokens: 1,
      top_p: 0.9,
      stop: ['x'],
      seed: 42,
      logit_bias: { '65': -100 },
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      ...extension,
    });
    const request = running.backend.requests.at(-1);
    expect(Buffer.from(request?.promptTokenIds ?? []).toString()).toBe(
      renderChat([{ role: 'system', content: 'a\nb' }]),
    );
    expect(request).toMatchObject({
      maxTokens: 1,
      priority: 2,
      tenant: 'public',
      cacheSalt: 's',
      attention: { preset: 'dense' },
      quality: null,
      stop: { strings: ['x'], tokenIds: [5], ignoreEos: true, minTokens: 1, includeStopString: false },
      sampling: {
        temperature: 0.5,
        topP: 0.9,
        topK: 7,
        minP: 0.1,
        repetitionPenalty: 1.1,
        presencePenalty: 0.5,
        frequencyPenalty: -0.5,
        seed: 42n,
      },
    });
    expect(request?.sampling.logitBias).toEqual(new Map([[65, -100]]));
  });

  it('cancels the generation when the client stops its stream', async () => {
    running.backend.script.tokenMs = 5;
    const { cancelled } = running.backend;
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 1000, stream: true });
    for await (const _ of stream) break;
    await eventually(() => running.backend.cancelled === cancelled + 1 && running.backend.running === 0);
    await eventually(() => running.server.held().requests === 0);
  });

  it('cancels a whole answer when the client gives up', async () => {
    running.backend.script.tokenMs = 5;
    const { cancelled } = running.backend;
    const controller = new AbortController();
    const answer = client.chat.completions.create({ model, messages, max_tokens: 1000 }, { signal: controller.signal });
    await eventually(() => running.backend.running === 1);
    controller.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => running.backend.cancelled === cancelled + 1);
  });

  it('says context_length_exceeded with the numbers instead of truncating', async () => {
    const answer = client.chat.completions.create({ model, messages: [{ role: 'user', content: 'x'.repeat(5000) }] });
    await expect(answer).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
    await expect(answer).rejects.toThrow(/4096 tokens.*50\d\d/);
  });

  it('ends a stream that fails midway with an error that the client throws', async () => {
    running.backend.script.failAfter = 2;
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 5, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/A step failed/);
  });
});

describe('completions', () => {
  it('answer several prompts, texts or token ids, in order', async () => {
    const texts = await client.completions.create({ model, prompt: ['ab', 'cd'], max_tokens: 3, n: 2 });
    expect(texts.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, scriptedText('ab', 3, 0)],
      [1, scriptedText('ab', 3, 1)],
      [2, scriptedText('cd', 3, 0)],
      [3, scriptedText('cd', 3, 1)],
    ]);
    expect(texts.usage?.prompt_tokens).toBe(4);
    const ids = await client.completions.create({ model, prompt: [[97, 98]], max_tokens: 3 });
    expect(ids.choices[0]?.text).toBe(scriptedText('ab', 3));
    expect(ids.choices[0]?.finish_reason).toBe('length');
  });

  it('stream every prompt under its own index', async () => {
    const texts = ['', ''];
    const stream = await client.completions.create({ model, prompt: ['ab', 'cd'], max_tokens: 4, stream: true });
    for await (const chunk of stream) for (const { index, text } of chunk.choices) texts[index] += text;
    expect(texts).toEqual([scriptedText('ab', 4), scriptedText('cd', 4)]);
  });

  it('echo the prompt, with its log-probabilities where they are asked for', async () => {
    const answer = await client.completions.create({ model, prompt: 'abc', max_tokens: 2, echo: true, logprobs: 1 });
    const choice = answer.choices[0];
    expect(choice?.text).toBe(`abc${scriptedText('abc', 2)}`);
    expect(choice?.logprobs?.tokens?.join('')).toBe(choice?.text);
    expect(choice?.logprobs?.token_logprobs).toEqual([null, -0.5, -0.5, -0.5, -0.5]);
    expect(choice?.logprobs?.text_offset).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('completions with max_tokens 0', () => {
  const ask = { model, prompt: 'abc', max_tokens: 0, echo: true, logprobs: 1 } as const;

  it('score the prompt and generate nothing', async () => {
    const answer = await client.completions.create(ask);
    const choice = answer.choices[0];
    expect(choice).toMatchObject({ text: 'abc', finish_reason: 'length' });
    expect(choice?.logprobs?.token_logprobs).toEqual([null, -0.5, -0.5]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 });
  });

  it('do so in a stream, too', async () => {
    let text = '';
    for await (const chunk of await client.completions.create({ ...ask, stream: true })) {
      for (const choice of chunk.choices) text += choice.text;
    }
    expect(text).toBe('abc');
  });
});

describe('models', () => {
  it('are listed and found by id, slashes included', async () => {
    const list = await client.models.list();
    expect(list.data.map((entry) => entry.id)).toEqual([model]);
    const defaults = { temperature: 0.5, top_p: 1, top_k: 0, min_p: 0, repetition_penalty: 1 };
    expect(list.data[0]).toMatchObject({ sampling_defaults: defaults });
    expect((await client.models.retrieve(model)).id).toBe(model);
    await expect(client.models.retrieve('other')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
