import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { renderChat } from './support/byte-codec.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;

beforeAll(async () => {
  running = await startRouter();
});
afterAll(() => running.server.close());

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${running.server.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function chat(fields: object): Promise<void> {
  const answer = await post('/v1/chat/completions', {
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 1,
    ...fields,
  });
  expect(answer).toMatchObject({ status: 200 });
}

async function complete(fields: object): Promise<void> {
  const answer = await post('/v1/completions', { prompt: 'x', max_tokens: 1, ...fields });
  expect(answer).toMatchObject({ status: 200 });
}

const lastChat = () => running.codec.chats.at(-1);
const lastSampling = () => running.backend.requests.at(-1)?.sampling;

/** What every field is when a client spells out that it wants nothing. */
const NULLS = Object.fromEntries(
  [
    ...['model', 'stream', 'stream_options', 'n', 'max_tokens', 'temperature', 'top_p', 'presence_penalty'],
    ...['frequency_penalty', 'logit_bias', 'seed', 'stop', 'user', 'metadata', 'top_k', 'min_p', 'repetition_penalty'],
    ...['ignore_eos', 'min_tokens', 'stop_token_ids', 'include_stop_str_in_output', 'skip_special_tokens'],
    ...['prompt_logprobs', 'priority', 'cache_salt', 'logprobs', 'longhaul', 'safety_identifier', 'prompt_cache_key'],
    ...['tools', 'tool_choice', 'parallel_tool_calls', 'functions', 'function_call', 'response_format', 'modalities'],
    ...['service_tier', 'store', 'best_of', 'suffix', 'audio', 'prediction', 'reasoning_effort', 'verbosity'],
    ...['web_search_options', 'use_beam_search', 'length_penalty', 'truncate_prompt_tokens', 'allowed_token_ids'],
    ...['bad_words', 'logits_processors', 'documents', 'chat_template', 'mm_processor_kwargs', 'structured_outputs'],
    ...['guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'kv_transfer_params', 'vllm_xargs'],
    ...['echo', 'add_special_tokens'],
  ].map((field) => [field, null]),
);

/** vLLM's fields at the values that ask for nothing. */
const OFF = {
  ...{ top_k: -1, min_p: 0, repetition_penalty: 1, seed: null, prompt_logprobs: null, logprobs: false, best_of: 1 },
  ...{ use_beam_search: false, length_penalty: 1, early_stopping: false, spaces_between_special_tokens: true },
  ...{ bad_words: [], logits_processors: [], return_tokens_as_token_ids: false, return_token_ids: false, priority: 0 },
  ...{ ignore_eos: false, min_tokens: 0, stop: [], stop_token_ids: [], skip_special_tokens: true, echo: false },
  ...{ tools: [], tool_choice: 'none', response_format: { type: 'text' }, stream_options: { include_usage: false } },
  ...{ structured_outputs: {}, kv_transfer_params: {}, vllm_xargs: {}, documents: [], store: false, n: 1 },
};

describe('fields that ask for nothing', () => {
  it('may all be null, in both APIs', async () => {
    await chat({ ...NULLS, max_completion_tokens: 1, top_logprobs: null, chat_template_kwargs: null });
    await complete({ ...NULLS, max_tokens: 1 });
  });

  it('may all be off in the words of vLLM, in both APIs', async () => {
    await chat({ ...OFF, top_logprobs: 0, add_special_tokens: false, include_reasoning: true });
    await complete({ ...OFF, add_special_tokens: true });
  });

  it.each([-1, 0, 2 ** 31 - 1])('take a top_k of %d as all tokens', async (topK) => {
    await chat({ top_k: topK });
    expect(lastSampling()?.topK).toBe(Math.max(topK, 0));
  });

  it('take a seed of -1 as any seed, and keep seeds of 64 bits', async () => {
    await chat({ seed: -1 });
    expect(lastSampling()?.seed).not.toBe(2n ** 64n - 1n);
    await chat({ seed: 2 ** 62 });
    expect(lastSampling()?.seed).toBe(2n ** 62n);
  });
});

describe('the history that a client replays', () => {
  const answer = {
    ...{ role: 'assistant', content: null, refusal: null, annotations: [], audio: null, function_call: null },
    ...{ tool_calls: null, reasoning_content: null, reasoning: null, parsed: null, name: null },
    ...{ provider_specific_fields: { refusal: null }, thinking_blocks: [], images: [] },
  };

  it('holds answers as the API and its clients spell them', async () => {
    const messages = [{ role: 'user', content: 'x' }, answer, { role: 'user', content: 'y', name: 'Ann' }];
    await chat({ messages });
    expect(lastChat()?.messages).toEqual([
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '' },
      { role: 'user', content: 'y', name: 'Ann' },
    ]);
    await chat({ messages: [...messages, { role: 'assistant' }, { ...answer, annotations: null, tool_calls: [] }] });
  });

  it('is what the API itself answered, without a change', async () => {
    const messages = [{ role: 'user', content: 'x' }];
    const { body } = await post('/v1/chat/completions', { messages, max_tokens: 2 });
    const { message } = (body as { choices: { message: { content: string } }[] }).choices[0] ?? {};
    await chat({ messages: [...messages, message, { role: 'user', content: 'y' }] });
    expect(lastChat()?.messages[1]).toEqual({ role: 'assistant', content: message?.content });
  });

  it('keeps what the assistant thought and what it refused with', async () => {
    const refusal = { role: 'assistant', content: null, refusal: 'No.' };
    const thought = { role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.' };
    await chat({ messages: [refusal, thought, { role: 'assistant', content: 'So.', reasoning: 'Oh.' }] });
    expect(lastChat()?.messages).toEqual([
      { role: 'assistant', content: 'No.' },
      { role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.' },
      { role: 'assistant', content: 'So.', reasoning_content: 'Oh.' },
    ]);
  });

  it('joins the parts of a message as lines, whatever kind of text they are', async () => {
    const content = [
      { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } },
      { type: 'input_text', text: 'b' },
      { type: 'output_text', text: 'c' },
      { type: 'refusal', refusal: 'd' },
      'e',
    ];
    await chat({
      messages: [
        { role: 'user', content },
        { role: 'user', content: [] },
      ],
    });
    expect(lastChat()?.messages.map((message) => message.content)).toEqual(['a\nb\nc\nd\ne', '']);
  });
});

describe('how a conversation becomes a prompt', () => {
  it("opens the assistant's turn unless it is said otherwise", async () => {
    await chat({});
    expect(lastChat()?.options).toEqual({ addGenerationPrompt: true, continueFinalMessage: false, variables: {} });
    await chat({ add_generation_prompt: false });
    expect(lastChat()?.options.addGenerationPrompt).toBe(false);
    await chat({ continue_final_message: true });
    expect(lastChat()?.options).toMatchObject({ addGenerationPrompt: false, continueFinalMessage: true });
    await chat({ continue_final_message: true, add_generation_prompt: false });
    expect(lastChat()?.options).toMatchObject({ addGenerationPrompt: false, continueFinalMessage: true });
  });

  it('hands variables to the template', async () => {
    const variables = { enable_thinking: false, nested: { list: [1, null, 'x'] } };
    await chat({ chat_template_kwargs: variables });
    expect(lastChat()?.options.variables).toEqual(variables);
  });

  it('does the same for /tokenize', async () => {
    const messages = [{ role: 'user', content: 'x' }];
    const fields = { continue_final_message: true, chat_template_kwargs: { a: 1 }, add_special_tokens: false };
    const answer = await post('/tokenize', { messages, ...fields });
    expect(answer).toMatchObject({ status: 200, body: { count: renderChat(messages).length } });
    expect(lastChat()?.options).toEqual({
      addGenerationPrompt: false,
      continueFinalMessage: true,
      variables: { a: 1 },
    });
    for (const fields of [
      { prompt: 'x', add_generation_prompt: true },
      { messages, add_special_tokens: true },
    ]) {
      expect(await post('/tokenize', fields)).toMatchObject({ status: 400 });
    }
  });
});

describe('special tokens spelled in a prompt', () => {
  const last = () => running.codec.textOptions.at(-1);

  it.each(['/v1/completions', '/tokenize'])('are read as tokens by %s unless the request says no', async (path) => {
    await post(path, { prompt: 'x' });
    expect(last()).toEqual({ addSpecialTokens: true, parseSpecialTokens: true });
    await post(path, { prompt: 'x', longhaul: { parse_special_tokens: false } });
    expect(last()).toEqual({ addSpecialTokens: true, parseSpecialTokens: false });
    await post(path, { prompt: 'x', add_special_tokens: false, longhaul: {} });
    expect(last()).toEqual({ addSpecialTokens: false, parseSpecialTokens: true });
  });
});

describe('drafted tokens', () => {
  it.each(['/v1/completions', '/v1/chat/completions'])('are for %s to ask for, and in its usage', async (path) => {
    const input = path.includes('chat') ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' };
    const { body } = await post(path, { ...input, max_tokens: 1, longhaul: { speculation: { kind: 'lookup' } } });
    expect(running.backend.requests.at(-1)?.speculation).toEqual({ kind: 'lookup', maxDraftTokens: 16 });
    const details = { accepted_prediction_tokens: 3, rejected_prediction_tokens: 2 };
    expect(body).toMatchObject({ usage: { completion_tokens: 1, completion_tokens_details: details } });
    await post(path, { ...input, longhaul: { speculation: { kind: 'lookup', max_draft_tokens: 4 } } });
    expect(running.backend.requests.at(-1)?.speculation).toEqual({ kind: 'lookup', maxDraftTokens: 4 });
  });

  it('are not in a usage where nothing was drafted', async () => {
    const { body } = await post('/v1/completions', { prompt: 'x', longhaul: { speculation: null } });
    expect(running.backend.requests.at(-1)?.speculation).toBeNull();
    expect(body['usage']).not.toHaveProperty('completion_tokens_details');
  });

  it('are nothing that /tokenize knows', async () => {
    const asked = { prompt: 'x', longhaul: { speculation: { kind: 'lookup' } } };
    expect(await post('/tokenize', asked)).toMatchObject({ status: 400 });
  });
});
