import { credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { callServerStream, callUnary, fromStatus } from '@longhaul/platform-grpc';
import { renderChat } from './support/byte-codec.js';
import { SCRIPTED_MODEL as MODEL, scriptedText } from '@longhaul/testing';
import { countedRequests, watchedLog } from './support/ended.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
let client: inferenceV1.InferenceServiceClient;

beforeAll(async () => {
  running = await startRouter({ stallTimeoutMs: 300 });
  client = new inferenceV1.InferenceServiceClient(`127.0.0.1:${running.server.grpcPort}`, credentials.createInsecure());
});
beforeEach(() => {
  Object.assign(running.backend.script, { prefillMs: 0, tokenMs: 0, textRepeat: 1, refuse: null, failAfter: null });
});
afterAll(async () => {
  client.close();
  await running.server.close();
});

function generate(
  request: Parameters<typeof inferenceV1.GenerateRequest.create>[0],
  options: { signal?: AbortSignal; deadlineMs?: number } = {},
) {
  const message = inferenceV1.GenerateRequest.create(request ?? {});
  return callServerStream((metadata, callOptions) => client.generate(message, metadata, callOptions), options);
}

async function textOf(stream: AsyncIterable<inferenceV1.GenerateResponse>): Promise<string> {
  let text = '';
  for await (const { event } of stream) if (event?.$case === 'delta') text += event.value.text;
  return text;
}

async function failure(stream: AsyncIterable<unknown>): Promise<AppError> {
  try {
    for await (const _ of stream);
  } catch (error) {
    return AppError.from(error);
  }
  throw new Error('the stream ended well');
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the gRPC API', () => {
  it('streams the same text for a chat, a prompt and tokens as HTTP does', async () => {
    const messages = [{ role: 'user', content: 'hi' }];
    const chat = renderChat(messages);
    expect(await textOf(generate({ input: { $case: 'chat', value: { messages } }, maxTokens: 4 }))).toBe(
      scriptedText(chat, 4),
    );
    expect(await textOf(generate({ input: { $case: 'prompt', value: 'ab' }, maxTokens: 4 }))).toBe(
      scriptedText('ab', 4),
    );
    const tokens = { $case: 'tokens' as const, value: { tokenIds: [97, 98] } };
    expect(await textOf(generate({ input: tokens, maxTokens: 4 }))).toBe(scriptedText('ab', 4));
  });

  it('says how texts and conversations become prompts', async () => {
    const prompt = { $case: 'prompt' as const, value: 'x' };
    await textOf(generate({ input: prompt, maxTokens: 1 }));
    expect(running.codec.textOptions.at(-1)).toEqual({ addSpecialTokens: true, parseSpecialTokens: true });
    await textOf(generate({ input: prompt, maxTokens: 1, parseSpecialTokens: false, addSpecialTokens: false }));
    expect(running.codec.textOptions.at(-1)).toEqual({ addSpecialTokens: false, parseSpecialTokens: false });
    const messages = [
      { role: 'developer', content: 'a', name: 'Ann' },
      { role: 'assistant', content: 'b', reasoningContent: 'c' },
    ];
    const value = { messages, continueFinalMessage: true, templateVariablesJson: '{"mood":"calm"}' };
    await textOf(generate({ input: { $case: 'chat', value }, maxTokens: 1 }));
    expect(running.codec.chats.at(-1)).toEqual({
      messages: [
        { role: 'system', content: 'a', name: 'Ann' },
        { role: 'assistant', content: 'b', reasoning_content: 'c' },
      ],
      options: { addGenerationPrompt: false, continueFinalMessage: true, variables: { mood: 'calm' } },
    });
  });

  it('refuses conversations that contradict themselves, by the name of the field', async () => {
    const messages = [{ role: 'user', content: 'x' }];
    for (const [chat, field] of [
      [{ addGenerationPrompt: true, continueFinalMessage: true }, 'continue_final_message'],
      [{ templateVariablesJson: '[1]' }, 'chat.template_variables_json'],
      [{ templateVariablesJson: '{' }, 'chat.template_variables_json'],
      // Half a character, which no trailer can have.
      [{ templateVariablesJson: '{"\\ud800":1}' }, 'chat.template_variables_json.\ufffd'],
      [{ messages: [{ role: 'tool', content: 'x' }] }, 'chat.messages[0].role'],
    ] as const) {
      const value = { messages, ...chat } as inferenceV1.ChatInput;
      const error = await failure(generate({ input: { $case: 'chat', value }, maxTokens: 1 }));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
    }
    const input = { $case: 'chat' as const, value: { messages } };
    expect(await failure(generate({ input, parseSpecialTokens: true }))).toMatchObject({
      field: 'parse_special_tokens',
    });
  });

  it('ends with usage and carries 64-bit seeds whole', async () => {
    const seed = 2n ** 63n + 1n;
    const events = [];
    for await (const { event } of generate({
      input: { $case: 'prompt', value: 'ab' },
      maxTokens: 2,
      sampling: { seed },
    }))
      events.push(event);
    expect(events.at(-1)).toMatchObject({
      $case: 'done',
      value: { promptTokens: 2, cachedTokens: 3, completionTokens: 2 },
    });
    expect(running.backend.requests.at(-1)?.sampling.seed).toBe(seed);
  });

  it('names reason, field and limit of a refused request', async () => {
    const prompt = { $case: 'prompt' as const, value: 'x' };
    const error = await failure(generate({ input: prompt, sampling: { topP: 2 } }));
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'sampling.top_p',
      details: { min: 0, max: 1 },
    });
    expect(await failure(generate({ input: prompt, maxTokens: 9999 }))).toMatchObject({
      reason: 'CONTEXT_LENGTH_EXCEEDED',
    });
    expect(await failure(generate({ maxTokens: 1 }))).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'input' });
    expect(await failure(generate({ input: prompt, model: 'other' }))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
    });
  });

  it.each(['temperature', 'topP', 'minP', 'repetitionPenalty', 'presencePenalty', 'frequencyPenalty'])(
    'refuses a %s that is no number, which JSON cannot even say',
    async (key) => {
      for (const value of [NaN, Infinity, -Infinity, -1e300]) {
        const input = { $case: 'prompt' as const, value: 'x' };
        const error = await failure(generate({ input, maxTokens: 1, sampling: { [key]: value } }));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT' });
        expect(error.field).toMatch(/^sampling\./);
      }
    },
  );

  it('carries whose KV it is and how it may be computed, as HTTP does', async () => {
    const input = { $case: 'prompt' as const, value: 'x' };
    const asked = { cacheSalt: 's', attention: 'dense', quality: inferenceV1.Quality.QUALITY_NEAR };
    await textOf(generate({ input, maxTokens: 1, ...asked }));
    const identity = { tenant: 'public', cacheSalt: 's', attention: { preset: 'dense' }, quality: 'near' };
    expect(running.backend.requests.at(-1)).toMatchObject(identity);
    await textOf(generate({ input, maxTokens: 1 }));
    expect(running.backend.requests.at(-1)).toMatchObject({
      cacheSalt: '',
      attention: { preset: 'dense' },
      quality: null,
    });
  });

  it('carries what is to be drafted, and says what came of it', async () => {
    const input = { $case: 'prompt' as const, value: 'x' };
    const { SPECULATION_KIND_LOOKUP: kind, SPECULATION_KIND_UNSPECIFIED } = inferenceV1.SpeculationKind;
    const counts: number[] = [];
    for await (const { event } of generate({ input, maxTokens: 1, speculation: { kind } })) {
      if (event?.$case === 'done') counts.push(event.value.draftedTokens, event.value.acceptedTokens);
    }
    expect(running.backend.requests.at(-1)?.speculation).toEqual({ kind: 'lookup', maxDraftTokens: 16 });
    expect(counts).toEqual([5, 3]);
    const unsaid = textOf(generate({ input, maxTokens: 1, speculation: { kind: SPECULATION_KIND_UNSPECIFIED } }));
    await expect(unsaid).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT', field: 'speculation.kind' });
    const many = textOf(generate({ input, maxTokens: 1, speculation: { kind, maxDraftTokens: 33 } }));
    await expect(many).rejects.toMatchObject({ field: 'speculation.max_draft_tokens' });
  });

  it('refuses numbers at the ends of what the wire can say', async () => {
    const input = { $case: 'prompt' as const, value: 'x' };
    const most = 2 ** 32 - 1;
    const faults: [Parameters<typeof generate>[0], string][] = [
      [{ sampling: { logitBias: { 1: NaN } } }, 'sampling.logit_bias'],
      [{ sampling: { logitBias: { [most]: 1 } } }, 'sampling.logit_bias'],
      [{ sampling: { topK: most } }, 'sampling.top_k'],
      [{ sampling: { repetitionPenalty: 1e-39 } }, 'sampling.repetition_penalty'],
      [{ n: most }, 'n'],
      [{ maxTokens: most }, 'max_tokens'],
      [{ maxTokens: 0 }, 'max_tokens'],
      [{ logprobs: most }, 'logprobs'],
      [{ promptLogprobs: most }, 'prompt_logprobs'],
      [{ stop: { minTokens: most } }, 'stop.min_tokens'],
      [{ stop: { tokenIds: [most] } }, 'stop.token_ids'],
      [{ stop: { strings: [''] } }, 'stop.strings'],
      [{ priority: -(2 ** 31) }, 'priority'],
      [{ attention: 'quest' }, 'attention'],
      [{ attention: '{}' }, 'attention.plans'],
      [{ quality: 99 as inferenceV1.Quality }, 'quality'],
      [{ cacheSalt: 'x'.repeat(257) }, 'cache_salt'],
      [{ input: { $case: 'tokens' as const, value: { tokenIds: [most] } } }, 'prompt'],
    ];
    for (const [request, field] of faults) {
      expect(await failure(generate({ input, maxTokens: 1, ...request }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field,
      });
    }
  });

  it('cancels by signal and by deadline', async () => {
    running.backend.script.tokenMs = 5;
    const { cancelled } = running.backend;
    const input = { $case: 'prompt' as const, value: 'x' };
    const controller = new AbortController();
    const read = failure(generate({ input, maxTokens: 4000 }, { signal: controller.signal }));
    await eventually(() => running.backend.running === 1);
    controller.abort();
    expect(await read).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => running.backend.cancelled === cancelled + 1);
    expect(await failure(generate({ input, maxTokens: 4000 }, { deadlineMs: Date.now() + 100 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await eventually(() => running.backend.cancelled === cancelled + 2);
    await eventually(() => running.server.held().requests === 0);
  });

  it('cancels a client that stops reading, having produced little', async () => {
    running.backend.script.textRepeat = 16 * 1024;
    const { cancelled, tokensSent } = running.backend;
    const message = inferenceV1.GenerateRequest.create({ input: { $case: 'prompt', value: 'x' }, maxTokens: 4000 });
    const call = client.generate(message, new Metadata());
    call.on('error', () => undefined);
    // This client buffers without end until its first read, and only then holds the server back.
    call.once('data', () => call.pause());
    await eventually(() => running.backend.cancelled === cancelled + 1);
    expect(running.backend.tokensSent - tokensSent).toBeLessThan(1000);
    call.cancel();
  });

  it('tokenises and tells the model', async () => {
    const request = inferenceV1.TokenizeRequest.create({ input: { $case: 'text', value: 'ab' } });
    const tokens = await callUnary<inferenceV1.TokenizeResponse>(
      (metadata, options, done) => client.tokenize(request, metadata, options, done),
      {},
    );
    expect(tokens.tokenIds).toEqual([97, 98]);
    const info = await callUnary<inferenceV1.ModelInfoResponse>(
      (metadata, options, done) => client.modelInfo({}, metadata, options, done),
      {},
    );
    expect(info).toMatchObject({ id: MODEL.id, contextLength: MODEL.contextLength, eosTokenIds: [257] });
    expect(info.samplingDefaults).toMatchObject({ temperature: 0.5, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 });
  });
});

describe('a key over gRPC', () => {
  it('is asked for by every method of the service, logged and counted', async () => {
    const watched = watchedLog();
    const keyed = await startRouter({ apiKey: 'k' }, watched.log);
    const before = countedRequests(await keyed.metrics(), 'api="grpc"');
    const address = `127.0.0.1:${keyed.server.grpcPort}`;
    const asked = new inferenceV1.InferenceServiceClient(address, credentials.createInsecure());
    const metadata = new Metadata();
    const outcomes = await Promise.all(
      Object.entries(inferenceV1.InferenceServiceService).map(([name, { path }]) => {
        const bytes = Buffer.alloc(0);
        return new Promise((resolve) => {
          const call = asked.makeServerStreamRequest(
            path,
            (it: Buffer) => it,
            (it: Buffer) => it,
            bytes,
            metadata,
          );
          call.on('error', (error) => resolve([name, AppError.from(fromStatus(error)).reason]));
          call.on('end', () => resolve([name, 'OK']));
          call.resume();
        });
      }),
    );
    asked.close();
    expect(outcomes.length).toBeGreaterThanOrEqual(3);
    for (const [, outcome] of outcomes as [string, string][]) expect(outcome).toBe('INVALID_API_KEY');
    await eventually(() => watched.finished().length === outcomes.length);
    expect(countedRequests(await keyed.metrics(), 'api="grpc"') - before).toBe(outcomes.length);
    expect(keyed.backend.requests).toHaveLength(0);
    await keyed.server.close();
  });

  it('does not matter to ids: the first of several is the one', async () => {
    const call = client.generate(
      inferenceV1.GenerateRequest.create({ input: { $case: 'prompt', value: 'x' }, maxTokens: 1 }),
      withIds('first', 'second'),
    );
    const told = await new Promise<Metadata>((resolve) => call.on('metadata', resolve));
    expect(told.get('x-request-id')).toEqual(['first']);
    for await (const _ of call);
  });
});

function withIds(...ids: string[]): Metadata {
  const metadata = new Metadata();
  for (const id of ids) metadata.add('x-request-id', id);
  return metadata;
}
