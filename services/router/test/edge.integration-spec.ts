import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
afterEach(() => running.server.close());

function completion(fields: object, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${running.server.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'x', max_tokens: 2, ...fields }),
    headers: { 'content-type': 'application/json', ...headers },
    ...(signal ? { signal } : {}),
  });
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Sends bytes as they are; resolves to all that came back when the server has closed the connection. */
function exchangeRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

describe('the edge', () => {
  it('answers 429 with Retry-After when the house is full, and again 200 when it is not', async () => {
    running = await startRouter({ maxConcurrentRequests: 1 });
    running.backend.script.tokenMs = 5;
    const controller = new AbortController();
    const first = completion({ max_tokens: 1000 }, {}, controller.signal);
    await eventually(() => running.backend.running === 1);
    const second = await completion({});
    expect(second.status).toBe(429);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(await second.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'too_many_requests' } });
    controller.abort();
    await expect(first).rejects.toThrow();
    await eventually(() => running.server.held().requests === 0);
    expect((await completion({})).status).toBe(200);
  });

  it('answers 429 when the bodies together are too large', async () => {
    running = await startRouter({ maxQueuedPromptBytes: 100 });
    const response = await completion({ prompt: 'x'.repeat(200) });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ error: { code: 'too_many_prompt_bytes' } });
  });

  it('passes on that the backend is full', async () => {
    running = await startRouter();
    running.backend.script.refuse = new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      message: 'Full.',
      retry: 'same',
    });
    for (const stream of [false, true]) {
      const response = await completion({ stream });
      expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1']);
    }
  });

  it('names a field that the engine refuses as the body spells it', async () => {
    running = await startRouter();
    const given = { code: 'INVALID_ARGUMENT' as const, reason: 'QUALITY_NOT_AVAILABLE', field: 'quality' };
    running.backend.script.refuse = new AppError({ ...given, message: 'KV of this KV type is near.' });
    for (const stream of [false, true]) {
      const response = await completion({ stream, longhaul: { quality: 'exact' } });
      const { error } = (await response.json()) as { error: object };
      expect([response.status, error]).toMatchObject([
        400,
        { code: 'quality_not_available', param: 'longhaul.quality' },
      ]);
    }
  });

  it('asks for the key where one is configured, but not on operational paths', async () => {
    running = await startRouter({ apiKey: 'secret' });
    expect((await completion({})).status).toBe(401);
    expect((await completion({}, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await completion({}, { authorization: 'Bearer secret' })).status).toBe(200);
    expect(running.backend.requests.at(-1)?.tenant).toMatch(/^[0-9a-f]{16}$/);
    expect((await fetch(`${running.server.url}/v1/models`)).status).toBe(401);
    for (const path of ['health', 'ready', 'live', 'version', 'metrics']) {
      expect((await fetch(`${running.server.url}/${path}`)).status).toBe(200);
    }
  });

  it('is alive but not ready while the backend is not, and refuses with 503', async () => {
    running = await startRouter();
    running.backend.script.ready = false;
    expect((await fetch(`${running.server.url}/live`)).status).toBe(200);
    expect((await fetch(`${running.server.url}/ready`)).status).toBe(503);
    const response = await completion({});
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: { code: 'not_ready' } });
  });

  it('echoes the request id, also on streams, and makes one where none came', async () => {
    running = await startRouter();
    for (const stream of [false, true]) {
      const response = await completion({ stream }, { 'x-request-id': 'abc-1' });
      expect(response.headers.get('x-request-id')).toBe('abc-1');
      await response.text();
    }
    expect((await completion({})).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('keeps a stream alive with comments during a long prefill and ends it with the mark', async () => {
    running = await startRouter({ ssePingMs: 20 });
    running.backend.script.prefillMs = 150;
    const response = await completion({ stream: true });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await response.text();
    expect(text.match(/^: ping\n\n/gm)?.length).toBeGreaterThanOrEqual(2);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    const events = text.split('\n\n').filter((event) => event.startsWith('data: {'));
    for (const event of events) expect(() => JSON.parse(event.slice(6)) as unknown).not.toThrow();
  });

  it('slows down for a slow reader, and cancels one that stops reading', async () => {
    running = await startRouter({ stallTimeoutMs: 200 });
    running.backend.script.textRepeat = 64 * 1024;
    const body = JSON.stringify({ prompt: 'x', max_tokens: 4000, stream: true });
    const socket = connect(running.server.httpPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => socket.once('readable', resolve));
    await eventually(() => running.backend.cancelled === 1);
    expect(running.backend.tokensSent).toBeLessThan(1000);
    await eventually(() => running.server.held().requests === 0);
    socket.destroy();
    expect(await (await fetch(`${running.server.url}/metrics`)).text()).toContain(
      'longhaul_router_disconnected_clients_total{reason="STALLED"} 1',
    );
  });

  it('tells a port in use from other faults', async () => {
    running = await startRouter();
    const other = startRouter({ port: running.server.httpPort });
    await expect(other).rejects.toMatchObject({ reason: 'ADDRESS_IN_USE' });
    await expect(other).rejects.toThrow(/choose another with --port/);
  });

  it('gives up on a client that does not send what it announced', async () => {
    running = await startRouter({ bodyTimeoutMs: 200 });
    const head = ['POST /v1/completions HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Content-Length: 100'];
    const answer = await exchangeRaw(running.server.httpPort, `${head.join('\r\n')}\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"body_timeout"');
    await eventually(() => running.server.held().requests === 0);
  });

  it('answers what is no HTTP with an error body, too', async () => {
    running = await startRouter();
    const { httpPort } = running.server;
    expect(await exchangeRaw(httpPort, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_http"/);
    const large = `GET /live HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(100_000)}\r\n\r\n`;
    expect(await exchangeRaw(httpPort, large)).toMatch(/^HTTP\/1\.1 431 [^]*"code":"headers_too_large"/);
  });

  it('tokenises and detokenises', async () => {
    running = await startRouter();
    const post = async (path: string, body: object) => {
      const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const response = await fetch(`${running.server.url}${path}`, init);
      return { status: response.status, body: (await response.json()) as unknown };
    };
    expect(await post('/tokenize', { prompt: 'hé', return_token_strs: true })).toMatchObject({
      status: 200,
      body: { tokens: [104, 195, 169], count: 3, max_model_len: 4096 },
    });
    expect(await post('/tokenize', { messages: [{ role: 'user', content: 'x' }] })).toMatchObject({ status: 200 });
    expect(await post('/detokenize', { tokens: [104, 195, 169] })).toEqual({ status: 200, body: { prompt: 'hé' } });
    expect(await post('/tokenize', {})).toMatchObject({ status: 400 });
    expect(await post('/detokenize', { tokens: [9999] })).toMatchObject({
      status: 400,
      body: { error: { param: 'tokens' } },
    });
  });

  it('records what happened under its own names and the aliases', async () => {
    running = await startRouter();
    await (await completion({ stream: true })).text();
    const text = await (await fetch(`${running.server.url}/metrics`)).text();
    const labels = 'model_name="acme/scripted"}';
    for (const name of [
      'request_prompt_tokens_count',
      'request_generation_tokens_count',
      'time_to_first_token_seconds_count',
      'inter_token_latency_seconds_count',
      'e2e_request_latency_seconds_count',
    ]) {
      expect(text).toContain(`vllm:${name}{engine="0",${labels}`);
      expect(text).toContain(`longhaul_${name}{${labels}`);
    }
    expect(text).toContain(
      'vllm:request_success_total{engine="0",model_name="acme/scripted",finished_reason="length"}',
    );
    expect(text).toContain('longhaul_router_worker_ready 1');
  });

  it('ends a request at its deadline with 504, and a stream with an event that says so', async () => {
    running = await startRouter({ requestTimeoutMs: 100 });
    running.backend.script.tokenMs = 5;
    const whole = await completion({ max_tokens: 4000 });
    expect(whole.status).toBe(504);
    expect(await whole.json()).toMatchObject({
      error: { code: 'deadline_exceeded', type: 'timeout_error', details: { requestTimeoutMs: 100 } },
    });
    const streamed = await (await completion({ max_tokens: 4000, stream: true })).text();
    expect(streamed).toContain('"code":"deadline_exceeded"');
    expect(streamed).not.toContain('[DONE]');
    await eventually(() => running.backend.running === 0 && running.server.held().requests === 0);
    expect(running.backend.requests[0]?.deadlineMs).toBeGreaterThan(0);
  });

  it('says since when and why it is not ready', async () => {
    running = await startRouter();
    running.backend.script.ready = false;
    const response = await fetch(`${running.server.url}/health`);
    expect(await response.json()).toMatchObject({
      status: 'not ready',
      checks: { model: { up: false, dependency: true, reason: expect.any(String), since: expect.any(String) } },
    });
  });

  it('ends what outlives the drain timeout with a clear error, whole and streamed', async () => {
    running = await startRouter({ drainTimeoutMs: 50 });
    running.backend.script.tokenMs = 20;
    const whole = completion({ max_tokens: 4000 });
    const stream = await completion({ max_tokens: 4000, stream: true });
    await eventually(() => running.backend.running === 2);
    const closing = running.server.close();
    expect(await (await fetch(`${running.server.url}/ready`)).json()).toMatchObject({ status: 'draining' });
    const answer = await whole;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'shutting_down' } });
    expect(await stream.text()).toContain('"code":"shutting_down"');
    await closing;
  });

  it('says that it drains while it does, not that its model is missing', async () => {
    running = await startRouter({ drainTimeoutMs: 5000 });
    running.backend.script.tokenMs = 20;
    const answer = completion({ max_tokens: 20 });
    await eventually(() => running.backend.running === 1);
    const closing = running.server.close();
    for (const path of ['ready', 'health', 'readiness']) {
      const response = await fetch(`${running.server.url}/${path}`);
      expect(response.status).toBe(503);
      const body = await response.text();
      expect(JSON.parse(body)).toMatchObject({ status: 'draining', checks: { model: { up: true } } });
      expect(body).not.toContain('being loaded');
    }
    expect((await fetch(`${running.server.url}/live`)).status).toBe(200);
    expect((await answer).status).toBe(200);
    await closing;
  });

  it('lets running requests end when it closes, and refuses new ones meanwhile', async () => {
    running = await startRouter({ drainTimeoutMs: 5000 });
    running.backend.script.tokenMs = 20;
    const answer = completion({ max_tokens: 10 });
    await eventually(() => running.backend.running === 1);
    const closing = running.server.close();
    const refused = await completion({});
    expect(refused.status).toBe(503);
    expect((await answer).status).toBe(200);
    await closing;
  });
});
