import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requestBounds } from '@longhaul/inference';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;

beforeAll(async () => {
  running = await startRouter({ maxBodyBytes: 64 * 1024 });
});
afterAll(() => running.server.close());

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

async function post(path: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/json') {
  const response = await fetch(`${running.server.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });
  return { status: response.status, error: ((await response.json()) as ErrorBody).error };
}

const chat = (fields: object) =>
  JSON.stringify({ messages: [{ role: 'user', content: 'x' }], max_tokens: 1, ...fields });
const completion = (fields: object) => JSON.stringify({ prompt: 'x', max_tokens: 1, ...fields });

const CHAT_FAULTS: [fault: object, param: string, code?: string][] = [
  [{ messages: undefined }, 'messages'],
  [{ messages: [] }, 'messages'],
  [{ messages: 'x' }, 'messages'],
  [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
  [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: 'x', colour: 1 }] }, 'messages[0].colour'],
  [{ longhaul: { policy: 'dense' } }, 'longhaul.policy'],
  [{ longhaul: { attention: 'quest' } }, 'longhaul.attention'],
  [{ longhaul: { attention: '' } }, 'longhaul.attention'],
  [{ longhaul: { attention: 1 } }, 'longhaul.attention'],
  [{ longhaul: { quality: 'best' } }, 'longhaul.quality'],
  [{ longhaul: { tenant: 'x' } }, 'longhaul.tenant'],
  [{ longhaul: { speculation: true } }, 'longhaul.speculation'],
  [{ longhaul: { speculation: {} } }, 'longhaul.speculation.kind'],
  [{ longhaul: { speculation: { kind: 'eagle' } } }, 'longhaul.speculation.kind'],
  [{ longhaul: { speculation: { kind: 'lookup', tree: true } } }, 'longhaul.speculation.tree'],
  [{ longhaul: { speculation: { kind: 'lookup', max_draft_tokens: 0 } } }, 'longhaul.speculation.max_draft_tokens'],
  [{ longhaul: { speculation: { kind: 'lookup', max_draft_tokens: 33 } } }, 'longhaul.speculation.max_draft_tokens'],
  [{ longhaul: { speculation: { kind: 'lookup', max_draft_tokens: 1.5 } } }, 'longhaul.speculation.max_draft_tokens'],
  [{ temperature: 'warm' }, 'temperature'],
  [{ temperature: 2.5 }, 'temperature'],
  [{ temperature: -1 }, 'temperature'],
  [{ top_p: 0 }, 'top_p'],
  [{ top_p: 1.01 }, 'top_p'],
  [{ top_k: -2 }, 'top_k'],
  [{ top_k: 2 ** 31 }, 'top_k'],
  [{ min_p: 2 }, 'min_p'],
  [{ repetition_penalty: 0 }, 'repetition_penalty'],
  [{ repetition_penalty: 1e-39 }, 'repetition_penalty'],
  [{ repetition_penalty: 0.0099 }, 'repetition_penalty'],
  [{ repetition_penalty: 100.01 }, 'repetition_penalty'],
  [{ presence_penalty: 3 }, 'presence_penalty'],
  [{ frequency_penalty: -3 }, 'frequency_penalty'],
  [{ n: 0 }, 'n'],
  [{ n: 17 }, 'n'],
  [{ n: 1.5 }, 'n'],
  [{ max_tokens: 0 }, 'max_tokens'],
  [{ max_tokens: 1, max_completion_tokens: 2 }, 'max_tokens'],
  [{ max_tokens: 5000 }, 'max_tokens', 'context_length_exceeded'],
  [{ messages: [{ role: 'user', content: 'x'.repeat(5000) }] }, 'messages', 'context_length_exceeded'],
  [{ min_tokens: 2 }, 'min_tokens'],
  [{ stop: 5 }, 'stop'],
  [{ stop: [''] }, 'stop'],
  [{ stop: Array.from({ length: 17 }, () => 'x') }, 'stop'],
  [{ stop_token_ids: [258] }, 'stop_token_ids'],
  [{ logit_bias: { a: 1 } }, 'logit_bias.a'],
  [{ logit_bias: { '999': 1 } }, 'logit_bias'],
  [{ logit_bias: { '1': 101 } }, 'logit_bias'],
  [{ top_logprobs: 2 }, 'top_logprobs'],
  [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
  [{ stream: 'yes' }, 'stream'],
  [{ stream_options: { include_usage: true } }, 'stream_options'],
  [{ stream: true, prompt_logprobs: 1 }, 'prompt_logprobs', 'not_supported'],
  [{ messages: [{ role: 'user', content: null }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
  [{ messages: [null] }, 'messages[0]'],
  [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: 'x', name: 'n'.repeat(65) }] }, 'messages[0].name'],
  [{ messages: [{ role: 'assistant', content: 'x', refusal: 'No.' }] }, 'messages[0].refusal'],
  [{ messages: [{ role: 'assistant', tool_calls: [{ id: 'x' }] }] }, 'messages[0].tool_calls', 'not_supported'],
  [{ messages: [{ role: 'assistant', audio: { id: 'x' } }] }, 'messages[0].audio', 'not_supported'],
  [{ add_generation_prompt: true, continue_final_message: true }, 'continue_final_message'],
  [{ chat_template_kwargs: [] }, 'chat_template_kwargs'],
  [{ chat_template_kwargs: { messages: [] } }, 'chat_template_kwargs.messages'],
  [{ chat_template_kwargs: { 'a b': 1 } }, 'chat_template_kwargs.a b'],
  [{ chat_template: '{{ messages }}' }, 'chat_template', 'not_supported'],
  [{ longhaul: { parse_special_tokens: true } }, 'longhaul.parse_special_tokens', 'not_supported'],
  [{ longhaul: { attention: {} } }, 'longhaul.attention.plans'],
  [{ longhaul: 1 }, 'longhaul'],
  [
    { stream: true, stream_options: { continuous_usage_stats: true } },
    'stream_options.continuous_usage_stats',
    'not_supported',
  ],
  [{ seed: 1.5 }, 'seed'],
  [{ seed: 2 ** 65 }, 'seed'],
  [{ guided_json: {} }, 'guided_json', 'not_supported'],
  [{ use_beam_search: true }, 'use_beam_search', 'not_supported'],
  [{ tools: [{ type: 'function' }] }, 'tools', 'not_supported'],
  [{ response_format: { type: 'json_object' } }, 'response_format', 'not_supported'],
  [{ reasoning_effort: 'high' }, 'reasoning_effort', 'not_supported'],
  [{ temprature: 1 }, 'temprature'],
  [{ priority: 2 ** 31 }, 'priority'],
  [{ stop_token_ids: Array.from({ length: 65 }, () => 1) }, 'stop_token_ids'],
  [{ cache_salt: 'x'.repeat(300) }, 'cache_salt'],
];

const COMPLETION_FAULTS: [fault: object, param: string, code?: string][] = [
  [{ prompt: undefined }, 'prompt'],
  [{ prompt: '' }, 'prompt'],
  [{ prompt: 'x'.repeat(5000) }, 'prompt', 'context_length_exceeded'],
  [{ max_tokens: 0 }, 'max_tokens'],
  [{ prompt: [] }, 'prompt'],
  [{ prompt: ['a', 1] }, 'prompt'],
  [{ prompt: [1, 999] }, 'prompt'],
  [{ prompt: [-1] }, 'prompt'],
  [{ prompt: Array.from({ length: 33 }, () => 'a') }, 'prompt'],
  [{ logprobs: 21 }, 'logprobs'],
  [{ logprobs: true }, 'logprobs'],
  [{ best_of: 3 }, 'best_of', 'not_supported'],
  [{ suffix: 'x' }, 'suffix', 'not_supported'],
  [{ prompt_embeds: 'x' }, 'prompt_embeds', 'not_supported'],
  [{ continue_final_message: true }, 'continue_final_message'],
];

describe('bad input', () => {
  it.each(CHAT_FAULTS)('chat %j is a 400 that names the field', async (fault, param, ...[code]) => {
    const { status, error } = await post('/v1/chat/completions', chat(fault));
    expect({ status, param: error.param, type: error.type }).toEqual({
      status: 400,
      param,
      type: 'invalid_request_error',
    });
    expect(error.code).toBe(code ?? 'invalid_argument');
    expect(error.message.length).toBeGreaterThan(10);
  });

  it.each(COMPLETION_FAULTS)('completion %j is a 400 that names the field', async (fault, param, ...[code]) => {
    const { status, error } = await post('/v1/completions', completion(fault));
    expect({ status, param: error.param }).toEqual({ status: 400, param });
    expect(error.code).toBe(code ?? 'invalid_argument');
  });

  it.each([0.01, 100])('a repetition penalty of %d, at an end of its range, is taken', async (penalty) => {
    const response = await fetch(`${running.server.url}/v1/completions`, {
      method: 'POST',
      body: completion({ repetition_penalty: penalty }),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(200);
    expect(running.backend.requests.at(-1)?.sampling.repetitionPenalty).toBe(penalty);
  });

  it('a repetition penalty outside its range is refused with the range', async () => {
    const { error } = await post('/v1/completions', completion({ repetition_penalty: 1e-38 }));
    expect(error.message).toBe('repetition_penalty must be in [0.01, 100].');
  });

  it('a cache salt of its full length is not too long for the engine', async () => {
    const response = await fetch(`${running.server.url}/v1/completions`, {
      method: 'POST',
      body: completion({ cache_salt: 'x'.repeat(256) }),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(200);
    const { cacheSalt = '' } = running.backend.requests.at(-1) ?? {};
    const { cacheSaltCharacters } = requestBounds;
    expect(cacheSalt.length).toBeLessThanOrEqual(cacheSaltCharacters);
  });

  it('malformed JSON, invalid UTF-8 and other bodies are refused by what they are', async () => {
    expect(await post('/v1/completions', '{"prompt":')).toMatchObject({ status: 400, error: { code: 'invalid_json' } });
    expect(await post('/v1/completions', '')).toMatchObject({ status: 400 });
    expect(await post('/v1/completions', '[1]')).toMatchObject({ status: 400, error: { code: 'invalid_argument' } });
    const broken = Uint8Array.from([...Buffer.from('{"prompt":"'), 0xff, 0xfe, ...Buffer.from('"}')]);
    const { status, error } = await post('/v1/completions', broken);
    expect([status, error.message]).toEqual([400, 'The body is not valid UTF-8.']);
    expect(await post('/v1/completions', 'prompt=x', 'text/plain')).toMatchObject({ status: 415 });
    const large = await post('/v1/completions', completion({ prompt: 'x'.repeat(70_000) }));
    expect(large).toMatchObject({ status: 413, error: { code: 'body_too_large' } });
  });

  it('a field called __proto__ is an unknown field like any other, and sets nothing', async () => {
    const body = '{"prompt":"x","max_tokens":1,"__proto__":{"stream":true}}';
    expect(await post('/v1/completions', body)).toMatchObject({ status: 400, error: { param: '__proto__' } });
  });

  it('a body of brackets ends in an error, not in a stack', async () => {
    const nested = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    expect(await post('/v1/completions', nested)).toMatchObject({ status: 400 });
    expect(await post('/v1/completions', `{"prompt":${nested}}`)).toMatchObject({ status: 400 });
    expect(await post('/v1/chat/completions', `{"messages":[{"role":"user","content":${nested}}]}`)).toMatchObject({
      status: 400,
      error: { param: 'messages[0].content' },
    });
  });

  it('an unknown model is a 404, and so is an unknown path', async () => {
    expect(await post('/v1/completions', completion({ model: 'gpt' }))).toMatchObject({
      status: 404,
      error: { code: 'model_not_found', param: 'model' },
    });
    expect(await post('/v2/nothing', '{}')).toMatchObject({ status: 404, error: { code: 'route_not_found' } });
  });

  it('a request id with spaces is refused', async () => {
    const response = await fetch(`${running.server.url}/v1/models`, { headers: { 'x-request-id': 'a b' } });
    expect(response.status).toBe(400);
  });

  it('leaves nothing held', () => {
    expect(running.server.held()).toEqual({ requests: 0, promptBytes: 0 });
    expect(running.backend.running).toBe(0);
  });

  it('neutral values of fields that we do not have are accepted', async () => {
    const neutral = {
      tools: [],
      tool_choice: 'none',
      response_format: { type: 'text' },
      store: false,
      user: 'u',
      stop: null,
    };
    const response = await fetch(`${running.server.url}/v1/chat/completions`, {
      method: 'POST',
      body: chat(neutral),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(200);
  });
});
