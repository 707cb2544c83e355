// The official client of OpenAI for JavaScript.
import OpenAI from 'openai';
import { ANSWER, assert, BASE, call, eventuallyIdle, KEY, LONG, main, MODEL, QUESTION, refused } from './harness.mjs';

const client = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: 0 });
const ask = [{ role: 'user', content: QUESTION }];
const chat = (fields = {}, options) =>
  client.chat.completions.create({ model: MODEL, messages: ask, temperature: 0, ...fields }, options);

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? chunk.choices[0]?.text ?? '';
  return text;
}

call('models', async () => {
  const ids = (await client.models.list()).data.map(({ id }) => id);
  assert(ids.join() === MODEL, ids.join());
  assert((await client.models.retrieve(MODEL)).id === MODEL, 'retrieve');
});

call('wrong key', async () => {
  const error = await refused(new OpenAI({ baseURL: BASE, apiKey: 'wrong', maxRetries: 0 }).models.list(), 'API key');
  assert(error instanceof OpenAI.AuthenticationError, error.name);
});

call('chat', async () => assert((await chat()).choices[0].message.content.includes(ANSWER), 'the answer'));

call('stream', async () => {
  const whole = (await chat()).choices[0].message.content;
  assert((await textOf(await chat({ stream: true }))) === whole, 'the same text');
});

call('stream helper', async () => {
  const runner = client.chat.completions.stream({ model: MODEL, messages: ask, temperature: 0 });
  assert((await runner.finalContent()).includes(ANSWER), 'the answer');
});

call('n, seed', async () => {
  const texts = async () =>
    (await chat({ n: 3, seed: 5, temperature: 1, max_tokens: 6 })).choices.map((c) => c.message.content);
  assert(JSON.stringify(await texts()) === JSON.stringify(await texts()), 'the same texts');
});

call('logprobs', async () => {
  const { logprobs } = (await chat({ logprobs: true, top_logprobs: 2 })).choices[0];
  assert(
    logprobs.content.every(({ top_logprobs: top }) => top.length === 2),
    'two each',
  );
});

call('long prompt', async () => {
  const error = await refused(chat({ messages: [{ role: 'user', content: LONG }] }), 'maximum context length is');
  assert(error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded', error.code);
});

call('cancel', async () => {
  const stream = await chat({ stream: true, max_tokens: 1500, ignore_eos: true });
  for await (const _ of stream) break;
  const abort = new AbortController();
  const waiting = chat({ max_tokens: 1500, ignore_eos: true }, { signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await refused(waiting);
  await eventuallyIdle();
});

call('replayed history', async () => {
  const said = (await chat()).choices[0].message;
  await chat({ messages: [...ask, said, { role: 'user', content: 'Again.' }], max_tokens: 2 });
});

call('stop', async () => assert(!(await chat({ stop: 'key' })).choices[0].message.content.includes('key'), 'no key'));

call('tools, JSON refused', async () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
  await refused(chat({ tools }), 'tools');
  await refused(chat({ response_format: { type: 'json_object' } }), 'response_format');
});

call('embeddings refused', async () => {
  await refused(client.embeddings.create({ model: MODEL, input: 'a' }), '/v1/embeddings');
});

call('completions: echo, logprobs', async () => {
  const fields = { model: MODEL, prompt: 'The river is', echo: true, logprobs: 1, max_tokens: 2, temperature: 0 };
  const { text, logprobs } = (await client.completions.create(fields)).choices[0];
  assert(text.startsWith('The river is') && logprobs.tokens.join('') === text, text);
});

call('line separators in a stream', async () => {
  const prompt = 'a\u2028b\u2029c\u0085d';
  const stream = await client.completions.create({ model: MODEL, prompt, echo: true, max_tokens: 1, stream: true });
  assert((await textOf(stream)).startsWith(prompt), 'the prompt as it was');
});

await main();
