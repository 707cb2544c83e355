import { afterEach, describe, expect, it } from '@jest/globals';
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { eventually, exchangeRaw, head, openRaw, post, statuses, type RawConnection } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
const open: RawConnection[] = [];
afterEach(async () => {
  for (const raw of open.splice(0)) raw.socket.destroy();
  await running.server.close();
});

const JSON_TYPE = 'Content-Type: application/json';
const MIB = 2 ** 20;
const completion = (prompt = 'x') => JSON.stringify({ prompt, max_tokens: 1 });
const announced = (length: number, more: readonly string[] = []) =>
  head('POST /v1/completions', [JSON_TYPE, `Content-Length: ${length}`, ...more]);

function connect(from?: string): RawConnection {
  const raw = openRaw(running.server.httpPort, from);
  open.push(raw);
  return raw;
}

function chunked(body: string): string {
  return `${head('POST /v1/completions', [JSON_TYPE, 'Transfer-Encoding: chunked'])}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

async function answered(bytes: string | Buffer): Promise<number[]> {
  return statuses(await exchangeRaw(running.server.httpPort, bytes));
}

describe('what has not arrived', () => {
  it('costs nobody an answer, however many bodies are announced and not sent', async () => {
    running = await startRouter({ maxArrivingRequestsPerClient: 8 });
    for (let body = 0; body < 8; body++) connect().send(announced(32 * MIB));
    await eventually(() => running.server.arriving().requests === 8);
    expect(running.server.held()).toEqual({ requests: 0, promptBytes: 0 });
    for (let request = 0; request < 5; request++)
      expect(await answered(post('/v1/completions', completion()))).toEqual([200]);
  });

  it('is bounded for one client: the slowest of its bodies gives way to the next', async () => {
    running = await startRouter({ maxArrivingRequestsPerClient: 8 });
    const half = Array.from({ length: 40 }, () => connect());
    for (const raw of half) raw.send(`${announced(1000)}{"prompt":`);
    await eventually(() => half.filter((raw) => raw.received().includes('arrival_displaced')).length === 32);
    expect(running.server.arriving()).toMatchObject({ requests: 8, bytes: 80 });
    expect(await answered(post('/v1/completions', completion()))).toEqual([200]);
    const told = await half[0]?.closed;
    expect(told).toMatch(/^HTTP\/1\.1 429 /);
    expect(told).toMatch(/^retry-after: 1\r$/im);
  });

  it('of one client is no limit for another one', async () => {
    running = await startRouter({ maxArrivingRequests: 6, maxArrivingRequestsPerClient: 6, maxArrivingBytes: 4096 });
    const hoarders = Array.from({ length: 6 }, () => connect('127.0.0.2'));
    for (const raw of hoarders) raw.send(announced(8000) + 'x'.repeat(600));
    await eventually(() => running.server.arriving().bytes === 3600);
    const body = completion('x'.repeat(1000));
    expect(await answered(post('/v1/completions', body))).toEqual([200]);
    expect(hoarders.filter((raw) => raw.received().includes('arrival_displaced')).length).toBeGreaterThan(0);
  });

  it('counts as the bytes that have come: small chunked bodies together are small', async () => {
    running = await startRouter({ maxQueuedPromptBytes: 64 * 1024, maxBodyBytes: 32 * 1024 });
    running.backend.script.tokenMs = 20;
    const all = await Promise.all(Array.from({ length: 12 }, () => answered(chunked(completion()))));
    expect(all).toEqual(Array.from({ length: 12 }, () => [200]));
    expect(running.server.held()).toEqual({ requests: 0, promptBytes: 0 });
    expect(running.server.arriving()).toMatchObject({ requests: 0, bytes: 0 });
  });

  it('is admitted with its real size, chunked or not', async () => {
    running = await startRouter({ maxQueuedPromptBytes: 500 });
    const large = completion('x'.repeat(600));
    expect(await answered(chunked(large))).toEqual([429]);
    expect(await answered(post('/v1/completions', large))).toEqual([429]);
    expect(await answered(chunked(completion()))).toEqual([200]);
  });

  it('is given up where it makes no progress, a byte now and then included', async () => {
    running = await startRouter({ bodyIdleTimeoutMs: 150 });
    const trickle = connect();
    trickle.send(announced(1000));
    const timer = setInterval(() => trickle.send('x'), 20);
    const answer = await trickle.closed;
    clearInterval(timer);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('--body-idle-timeout-ms');
    expect(running.server.arriving().requests).toBe(0);
  });

  it('shows in gauges', async () => {
    running = await startRouter();
    connect().send(`${announced(100)}{"p`);
    await eventually(() => running.server.arriving().bytes === 3);
    const metrics = await running.metrics();
    expect(metrics).toContain('longhaul_router_arriving_requests 1');
    expect(metrics).toContain('longhaul_router_arriving_bytes 3');
  });

  it('is asked for only when it is wanted', async () => {
    running = await startRouter({ maxBodyBytes: 64 * 1024 });
    const body = completion();
    const wanted = connect();
    wanted.send(announced(body.length, ['Expect: 100-continue']));
    await eventually(() => wanted.received().startsWith('HTTP/1.1 100 Continue'));
    wanted.send(body);
    expect(statuses(await wanted.closed)).toEqual([100, 200]);
    expect(await answered(announced(70_000, ['Expect: 100-continue']))).toEqual([413]);
  });
});

describe('a refused body', () => {
  it('is answered to a client that sends all of it before it reads', async () => {
    running = await startRouter({ maxBodyBytes: MIB });
    for (const how of [announced(2.5 * MIB), announced(2.5 * MIB).replace('/v1/', '/v3/')]) {
      const raw = connect();
      raw.socket.pause();
      raw.send(how);
      const piece = Buffer.alloc(64 * 1024, 120);
      for (let sent = 0; sent < 2.5 * MIB; sent += piece.length) {
        if (!raw.socket.write(piece)) await new Promise((resolve) => raw.socket.once('drain', resolve));
      }
      raw.socket.resume();
      const answer = await raw.closed;
      expect(answer).toMatch(/^HTTP\/1\.1 (413|404) /);
      expect(answer).toMatch(/"code":"(body_too_large|route_not_found)"/);
      expect(answer).toMatch(/^connection: close\r$/im);
    }
  });

  it('reaches fetch, whose promise does not fail', async () => {
    running = await startRouter({ maxBodyBytes: MIB });
    const response = await fetch(`${running.server.url}/v1/completions`, {
      method: 'POST',
      body: completion('x'.repeat(2 * MIB)),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'body_too_large', details: { maxBodyBytes: MIB } } });
  });

  it('that is too large only after a while is answered, too', async () => {
    running = await startRouter({ maxBodyBytes: MIB });
    const large = completion('x'.repeat(2 * MIB));
    const answer = await exchangeRaw(running.server.httpPort, chunked(large));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is not read for ever: past a bound the connection ends', async () => {
    running = await startRouter({ maxBodyBytes: 64 * 1024 });
    const raw = connect();
    raw.send(announced(10 ** 12));
    const piece = Buffer.alloc(64 * 1024, 120);
    let sent = 0;
    const closed = raw.closed.then(() => true);
    while (!raw.socket.destroyed && sent < 64 * MIB) {
      sent += piece.length;
      if (!raw.socket.write(piece))
        await Promise.race([new Promise((resolve) => raw.socket.once('drain', resolve)), closed]);
    }
    expect(sent).toBeLessThan(64 * MIB);
    expect(raw.received()).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('a coded body', () => {
  const body = completion();
  const coded = (coding: string, bytes: Buffer) =>
    Buffer.concat([Buffer.from(announced(bytes.length, [`Content-Encoding: ${coding}`])), bytes]);

  it.each([
    ['gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['br', brotliCompressSync(body)],
    ['identity', Buffer.from(body)],
  ])('is read: %s', async (coding, bytes) => {
    running = await startRouter();
    expect(await answered(coded(coding, bytes))).toEqual([200]);
  });

  it.each(['zstd', 'compress', 'gzip, gzip', 'gzip,br', 'aes128gcm'])(
    'of another coding is a 415: %s',
    async (coding) => {
      running = await startRouter();
      const answer = await exchangeRaw(running.server.httpPort, coded(coding, gzipSync(body)));
      expect(statuses(answer)).toEqual([415]);
      expect(answer).toContain('"param":"Content-Encoding"');
    },
  );

  it.each([
    ['cut off', gzipSync(body).subarray(0, 20)],
    ['no gzip at all', Buffer.from(body)],
  ])('that is %s is a 400', async (_, bytes) => {
    running = await startRouter();
    const answer = await exchangeRaw(running.server.httpPort, coded('gzip', bytes));
    expect(statuses(answer)).toEqual([400]);
    expect(answer).toContain('"code":"invalid_body_coding"');
  });

  it('is bounded as it unfolds', async () => {
    running = await startRouter({ maxBodyBytes: MIB });
    const bomb = gzipSync(Buffer.alloc(256 * MIB));
    expect(bomb.length).toBeLessThan(MIB);
    expect(await answered(coded('gzip', bomb))).toEqual([413]);
    expect(running.server.arriving()).toMatchObject({ requests: 0, bytes: 0 });
  });

  it('that has come as a whole is not given up while it is decoded', async () => {
    running = await startRouter({ bodyIdleTimeoutMs: 10 });
    const spaced = Buffer.concat([Buffer.from(body), Buffer.alloc(24 * MIB, ' ')]);
    expect(await answered(coded('gzip', gzipSync(spaced)))).toEqual([200]);
  });

  it('is admitted by its size when decoded', async () => {
    running = await startRouter({ maxQueuedPromptBytes: 5000 });
    expect(await answered(coded('gzip', gzipSync(completion('x'.repeat(6000)))))).toEqual([429]);
  });
});

describe('a character set', () => {
  it.each(['utf-16', 'utf-16le', 'iso-8859-1', '"utf-32"'])('other than UTF-8 is a 415: %s', async (charset) => {
    running = await startRouter();
    const bytes = post('/v1/completions', completion()).replace('json', `json; charset=${charset}`);
    expect(await answered(bytes)).toEqual([415]);
  });

  it.each(['utf-8', 'UTF-8', '"utf8"', 'us-ascii'])('may be %s', async (charset) => {
    running = await startRouter();
    const bytes = post('/v1/completions', completion()).replace('json', `json; charset=${charset}`);
    expect(await answered(bytes)).toEqual([200]);
  });
});

describe('a gRPC message that is arriving', () => {
  const call = (bytes: number): { stream: ClientHttp2Stream; status: Promise<string> } => {
    const session = connectHttp2(`http://127.0.0.1:${running.server.grpcPort}`);
    const headers = {
      ':method': 'POST',
      ':path': '/longhaul.inference.v1.InferenceService/Generate',
      'content-type': 'application/grpc',
    };
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    const status = new Promise<string>((resolve) => {
      stream.on('response', (told) => resolve(String(told['grpc-status'] ?? '')));
      stream.on('trailers', (told) => resolve(String(told['grpc-status'] ?? '')));
    }).finally(() => session.destroy());
    stream.write(Buffer.from([0, 0, 1, 0, 0]));
    stream.write(Buffer.alloc(bytes));
    return { stream, status };
  };

  it('counts with its bytes, and the one that waits longest gives way when they are too many', async () => {
    running = await startRouter({ maxArrivingBytes: 40_000 });
    const first = call(15_000);
    await eventually(() => running.server.arriving().bytes === 15_005);
    const second = call(15_000);
    await eventually(() => running.server.arriving().bytes === 30_010);
    const third = call(15_000);
    // RESOURCE_EXHAUSTED
    expect(await first.status).toBe('8');
    await eventually(() => running.server.arriving().bytes === 30_010);
    for (const { stream } of [second, third]) stream.close();
    await eventually(() => running.server.arriving().requests === 0);
    expect(running.server.arriving().bytes).toBe(0);
  });
});
