// LangChain for JavaScript with its OpenAI package.
import { HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { ANSWER, assert, BASE, call, eventuallyIdle, KEY, LONG, main, MODEL, QUESTION, refused } from './harness.mjs';

const server = { configuration: { baseURL: BASE }, apiKey: KEY, maxRetries: 0 };
const model = new ChatOpenAI({ model: MODEL, temperature: 0, ...server });

call('invoke', async () => assert((await model.invoke(QUESTION)).content.includes(ANSWER), 'the answer'));

call('no temperature given', async () => {
  await new ChatOpenAI({ model: MODEL, maxTokens: 4, ...server }).invoke(QUESTION);
});

call('stream', async () => {
  let text = '';
  for await (const chunk of await model.stream(QUESTION)) text += chunk.content;
  assert(text === (await model.invoke(QUESTION)).content, 'the same text');
});

call('batch', async () => {
  const answers = await model.batch([QUESTION, QUESTION, QUESTION]);
  assert(
    answers.every(({ content }) => content.includes(ANSWER)),
    'all answers',
  );
});

call('logprobs, stop', async () => {
  const scored = await new ChatOpenAI({ model: MODEL, logprobs: true, topLogprobs: 2, ...server }).invoke(QUESTION);
  assert(scored.response_metadata.logprobs.content.length > 0, 'scores');
  assert(!(await model.invoke(QUESTION, { stop: ['key'] })).content.includes('key'), 'stopped');
});

call('replayed history', async () => {
  const said = await model.invoke(QUESTION);
  const again = new HumanMessage({ content: 'Again.', name: 'me' });
  await model.invoke([new SystemMessage('Be brief.'), new HumanMessage(QUESTION), said, again]);
});

call('long prompt', async () => void (await refused(model.invoke(LONG), 'maximum context length')));

call('cancel', async () => {
  const long = new ChatOpenAI({ model: MODEL, maxTokens: 1500, modelKwargs: { ignore_eos: true }, ...server });
  const abort = new AbortController();
  await refused(
    (async () => {
      for await (const _ of await long.stream(QUESTION, { signal: abort.signal })) abort.abort();
    })(),
  );
  await eventuallyIdle();
});

call('tools refused', async () => {
  const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } };
  await refused(model.bindTools([tool]).invoke('1 + 1'), 'tools');
});

call('structured output refused', async () => {
  const schema = { title: 'Out', type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
  for (const method of ['jsonSchema', 'jsonMode', 'functionCalling'])
    await refused(model.withStructuredOutput(schema, { method }).invoke('json'));
});

call('embeddings refused', async () => {
  await refused(new OpenAIEmbeddings({ model: MODEL, ...server }).embedQuery('a'), '/v1/embeddings');
});

await main();
