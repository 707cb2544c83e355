import { credentials, makeGenericClientConstructor, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { countedRequests, watchedLog, type FinishedLine } from './support/ended.js';
import { eventually, exchangeRaw, head, openRaw, post, statuses } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
let finished: () => FinishedLine[];
let before = 0;
afterEach(() => running.server.close());

async function start(overrides: Parameters<typeof startRouter>[0] = {}): Promise<void> {
  const watched = watchedLog();
  finished = watched.finished;
  running = await startRouter({ apiKey: 'k', maxBodyBytes: 64 * 1024, ...overrides }, watched.log);
  before = countedRequests(await running.metrics());
}

const KEY = ['Authorization: Bearer k'];
const completion = (fields: object = {}) => JSON.stringify({ prompt: 'x', max_tokens: 2, ...fields });
const announced = (length: number, more: readonly string[] = []) =>
  head('POST /v1/completions', ['Content-Type: application/json', `Content-Length: ${length}`, ...KEY, ...more]);

/** Bytes on one connection, and the reasons of the requests that they are. */
const ANSWERED: [what: string, bytes: string, outcomes: string[]][] = [
  ['a good answer', post('/v1/completions', completion(), KEY), ['OK']],
  ['a good stream', post('/v1/completions', completion({ stream: true }), KEY), ['OK']],
  ['a probe', head('GET /health'), ['OK']],
  ['HEAD', head('HEAD /v1/models', KEY), ['OK']],
  ['no key', post('/v1/completions', completion()), ['INVALID_API_KEY']],
  ['an unknown path', head('GET /nothing', KEY), ['ROUTE_NOT_FOUND']],
  ['an unknown method of a path', head('DELETE /v1/completions', KEY), ['ROUTE_NOT_FOUND']],
  ['a URL that does not decode', head('GET /%zz', KEY), ['INVALID_ARGUMENT']],
  ['an asterisk', head('OPTIONS *', KEY), ['ROUTE_NOT_FOUND']],
  ['an asterisk with a path', head('GET *health', KEY), ['ROUTE_NOT_FOUND']],
  ['a wrong field', post('/v1/completions', completion({ top_p: 7 }), KEY), ['INVALID_ARGUMENT']],
  ['another model', post('/v1/completions', completion({ model: 'x' }), KEY), ['MODEL_NOT_FOUND']],
  ['broken JSON', post('/v1/completions', '{', KEY), ['INVALID_JSON']],
  [
    'another media type',
    post('/tokenize', 'x', [...KEY]).replace('application/json', 'text/plain'),
    ['UNSUPPORTED_MEDIA_TYPE'],
  ],
  ['no body', head('POST /v1/completions', KEY), ['INVALID_ARGUMENT']],
  ['a body that is too large', announced(70_000) + 'x'.repeat(70_000), ['BODY_TOO_LARGE']],
  ['two hosts', head('GET /health', ['Host: y']), ['INVALID_HTTP']],
  ['no host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', ['INVALID_HTTP']],
  ['an expectation', head('GET /health', ['Expect: magic']), ['EXPECTATION_FAILED']],
  ['a tunnel', head('CONNECT x:443'), ['ROUTE_NOT_FOUND']],
  ['no HTTP', 'EHLO x\r\n\r\n', ['INVALID_HTTP']],
  ['headers that are too large', head('GET /health', [`X: ${'x'.repeat(70_000)}`]), ['HEADERS_TOO_LARGE']],
  [
    'a broken chunk',
    head('POST /tokenize', ['Content-Type: application/json', 'Transfer-Encoding: chunked', ...KEY]) + 'zz\r\n',
    ['INVALID_HTTP'],
  ],
  ['two on one connection', head('GET /health', [], true) + head('GET /nothing'), ['OK', 'ROUTE_NOT_FOUND']],
  ['rubbish behind a request', head('GET /health', [], true) + '\0\0\0\r\n\r\n', ['OK', 'INVALID_HTTP']],
];

describe('every HTTP request', () => {
  it.each(ANSWERED)('ends in one count and one line: %s', async (_, bytes, outcomes) => {
    await start();
    await exchangeRaw(running.server.httpPort, bytes);
    await eventually(() => finished().length >= outcomes.length);
    expect(
      finished()
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual([...outcomes].sort());
    const metrics = await running.metrics();
    expect(countedRequests(metrics) - before).toBe(outcomes.length);
  });

  it('is one of so many, whatever kinds come together', async () => {
    await start();
    const rounds = 3;
    const all = Array.from({ length: rounds }, () => ANSWERED).flat();
    await Promise.all(all.map(([, bytes]) => exchangeRaw(running.server.httpPort, bytes)));
    const expected = all.flatMap(([, , outcomes]) => outcomes).sort();
    await eventually(() => finished().length >= expected.length);
    expect(
      finished()
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(expected);
    expect(countedRequests(await running.metrics()) - before).toBe(expected.length);
  });

  it('carries route and status, and never its path', async () => {
    await start();
    await exchangeRaw(running.server.httpPort, head('GET /v1/models/some-secret', KEY));
    await exchangeRaw(running.server.httpPort, head('GET /other-secret', KEY));
    await eventually(() => finished().length === 2);
    expect(finished()).toMatchObject([
      { api: 'http', method: 'GET /v1/models/*', status: '404', outcome: 'MODEL_NOT_FOUND' },
      { api: 'http', method: 'unmatched', status: '404', outcome: 'ROUTE_NOT_FOUND' },
    ]);
    expect(JSON.stringify(finished()) + (await running.metrics())).not.toContain('secret');
  });

  it('that is cut off by its client is one, wherever that happens', async () => {
    await start();
    running.backend.script.tokenMs = 5;
    const cut = async (bytes: string, when: () => boolean) => {
      const seen = finished().length;
      const raw = openRaw(running.server.httpPort);
      raw.send(bytes);
      await eventually(when);
      raw.socket.resetAndDestroy();
      await eventually(() => finished().length > seen);
    };
    await cut(`${announced(100)}{`, () => running.server.arriving().requests === 1);
    await cut(post('/v1/completions', completion({ max_tokens: 4000 }), KEY), () => running.backend.running === 1);
    const stream = post('/v1/completions', completion({ max_tokens: 4000, stream: true }), KEY);
    await eventually(() => running.backend.running === 0);
    await cut(stream, () => running.backend.running === 1);
    await eventually(() => running.backend.running === 0 && running.server.held().requests === 0);
    expect(finished().map(({ outcome }) => outcome)).toEqual(Array.from({ length: 3 }, () => 'CLIENT_DISCONNECTED'));
    expect(countedRequests(await running.metrics()) - before).toBe(3);
  });

  it('in a pipeline ends with its connection, and gives back what it holds', async () => {
    await start();
    running.backend.script.tokenMs = 5;
    const raw = openRaw(running.server.httpPort);
    const body = completion({ max_tokens: 4000 });
    const one =
      head('POST /v1/completions', ['Content-Type: application/json', `Content-Length: ${body.length}`, ...KEY], true) +
      body;
    raw.send(one.repeat(12));
    await eventually(() => running.backend.running === 12);
    raw.socket.resetAndDestroy();
    await eventually(() => running.backend.running === 0 && running.server.held().requests === 0);
    await eventually(() => finished().length === 12);
    expect(countedRequests(await running.metrics()) - before).toBe(12);
  });

  it('that does not arrive in time is one, by either clock', async () => {
    await start({ bodyIdleTimeoutMs: 50 });
    expect(statuses(await exchangeRaw(running.server.httpPort, `${announced(100)}{`))).toEqual([408]);
    await running.server.close();
    await start({ bodyTimeoutMs: 100 });
    expect(statuses(await exchangeRaw(running.server.httpPort, `${announced(100)}{`))).toEqual([408]);
    expect(statuses(await exchangeRaw(running.server.httpPort, 'GET /health HTTP/1.1\r\nHost: x\r\n'))).toEqual([408]);
    await eventually(() => finished().length === 2);
    expect(finished().map(({ outcome }) => outcome)).toEqual(['BODY_TIMEOUT', 'BODY_TIMEOUT']);
    expect(countedRequests(await running.metrics()) - before).toBe(2);
  });

  it('that runs into its deadline is counted by that name, here and by model', async () => {
    await start({ requestTimeoutMs: 60 });
    running.backend.script.tokenMs = 5;
    for (const stream of [false, true]) {
      await exchangeRaw(
        running.server.httpPort,
        post('/v1/completions', completion({ max_tokens: 4000, stream }), KEY),
      );
    }
    await eventually(() => finished().length === 2 && running.backend.running === 0);
    expect(finished().map(({ outcome }) => outcome)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
    const metrics = await running.metrics();
    expect(metrics).toMatch(
      /longhaul_request_errors_total\{model_name="acme\/scripted",reason="DEADLINE_EXCEEDED"\} 2/,
    );
  });

  it('is one at every address that localhost stands for', async () => {
    await start({ host: 'localhost' });
    const addresses = new Set((await lookup('localhost', { all: true })).map(({ address }) => address));
    for (const host of addresses) {
      const socket = connect(running.server.httpPort, host);
      socket.on('error', () => undefined);
      socket.end('EHLO x\r\n\r\n');
      await new Promise((resolve) => socket.resume().on('close', resolve));
    }
    await eventually(() => finished().length === addresses.size);
    expect(finished().map(({ outcome }) => outcome)).toEqual([...addresses].map(() => 'INVALID_HTTP'));
  });

  it('that is refused because the house is full is one', async () => {
    await start({ maxQueuedPromptBytes: 10 });
    expect(statuses(await exchangeRaw(running.server.httpPort, post('/tokenize', completion(), KEY)))).toEqual([429]);
    await eventually(() => finished().length === 1);
    expect(finished()[0]?.outcome).toBe('TOO_MANY_PROMPT_BYTES');
  });

  it('is answered before rubbish that follows it on its connection', async () => {
    await start();
    running.backend.script.tokenMs = 2;
    const raw = openRaw(running.server.httpPort);
    const body = completion({ max_tokens: 50, stream: true });
    const kept = head(
      'POST /v1/completions',
      ['Content-Type: application/json', `Content-Length: ${body.length}`, ...KEY],
      true,
    );
    raw.send(kept + body);
    await eventually(() => raw.received().includes('data: {'));
    for (let piece = 0; piece < 3; piece++) raw.send('\0\0rubbish\r\n\r\n');
    const answer = await raw.closed;
    expect(statuses(answer)).toEqual([200, 400]);
    expect(answer.indexOf('[DONE]')).toBeLessThan(answer.indexOf('HTTP/1.1 400'));
    await eventually(() => finished().length === 2);
    expect(finished().map(({ outcome }) => outcome)).toEqual(expect.arrayContaining(['OK', 'INVALID_HTTP']));
  });
});

describe('every gRPC call', () => {
  it('ends in one count and one line, whatever becomes of it', async () => {
    await start({ requestTimeoutMs: 60_000 });
    const address = `127.0.0.1:${running.server.grpcPort}`;
    const client = new inferenceV1.InferenceServiceClient(address, credentials.createInsecure());
    const headers = { authorization: 'Bearer k' };
    const input = { $case: 'prompt' as const, value: 'x' };
    const generate = (fields: object, options: object = {}) =>
      callServerStream(
        (metadata, callOptions) =>
          client.generate(inferenceV1.GenerateRequest.create({ input, ...fields }), metadata, callOptions),
        { headers, ...options },
      );
    const outcome = async (stream: AsyncIterable<unknown>) => {
      try {
        for await (const _ of stream);
        return 'OK';
      } catch (error) {
        return AppError.from(error).reason;
      }
    };
    running.backend.script.tokenMs = 2;
    const seen = [
      await outcome(generate({ maxTokens: 2 })),
      await outcome(generate({ maxTokens: 2 }, { headers: {} })),
      await outcome(generate({ maxTokens: 2, sampling: { topP: 7 } })),
      await outcome(generate({ maxTokens: 4000 }, { timeoutMs: 100 })),
    ];
    expect(seen).toEqual(['OK', 'INVALID_API_KEY', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED']);
    await eventually(() => running.backend.running === 0);
    const controller = new AbortController();
    const cancelled = outcome(generate({ maxTokens: 4000 }, { signal: controller.signal }));
    await eventually(() => running.backend.running === 1);
    controller.abort();
    expect(await cancelled).toBe('CANCELLED');
    const info = callUnary((metadata, options, done) => client.modelInfo({}, metadata, options, done), {});
    await expect(info).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'INVALID_API_KEY' });
    await unknownMethod(address);
    await eventually(() => finished().length === 7);
    client.close();
    const counts = (reason: string) => finished().filter((line) => line.outcome === reason).length;
    expect(
      ['OK', 'INVALID_API_KEY', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'CANCELLED', 'UNIMPLEMENTED'].map(counts),
    ).toEqual([1, 2, 1, 1, 1, 1]);
    const metrics = await running.metrics();
    expect(countedRequests(metrics) - before).toBe(7);
    expect(countedRequests(metrics, 'api="grpc"', 'method="unmatched"', 'reason="UNIMPLEMENTED"')).toBe(1);
    expect(metrics).toMatch(/longhaul_request_errors_total\{model_name="acme\/scripted",reason="DEADLINE_EXCEEDED"\}/);
  });
});

function unknownMethod(address: string): Promise<ServiceError> {
  const asIs = (bytes: Buffer) => bytes;
  const shape = { requestStream: false, responseStream: false };
  const coding = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const Client = makeGenericClientConstructor(
    { ask: { path: '/longhaul.Nothing/Ask', ...shape, ...coding } },
    'Nothing',
  );
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer k');
  return new Promise((resolve) =>
    (client as unknown as { ask(...all: unknown[]): void }).ask(Buffer.alloc(0), metadata, (error: ServiceError) => {
      client.close();
      resolve(error);
    }),
  );
}
