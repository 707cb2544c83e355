import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, exchangeRaw, head, openRaw, post, statuses } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
beforeEach(async () => {
  running = await startRouter({ apiKey: 'k', maxBodyBytes: 64 * 1024 });
});
afterEach(async () => {
  expect(running.server.held()).toEqual({ requests: 0, promptBytes: 0 });
  expect(running.server.arriving()).toMatchObject({ requests: 0, bytes: 0 });
  await running.server.close();
});

const KEY = 'Authorization: Bearer k';
const JSON_TYPE = 'Content-Type: application/json';
const BODY = JSON.stringify({ prompt: 'x', max_tokens: 1 });
const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n`;
/** What a second request would be, where a server and a proxy read a first one differently. */
const SMUGGLED = 'GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n';

const send = (bytes: string) => exchangeRaw(running.server.httpPort, bytes);
const start = (...headers: string[]) => head('POST /v1/completions', [JSON_TYPE, KEY, ...headers], true);

describe('a request whose length can be read in two ways', () => {
  it.each([
    ['both lengths', start(`Content-Length: ${CHUNKED.length}`, 'Transfer-Encoding: chunked') + `0\r\n\r\n${SMUGGLED}`],
    ['two lengths', start('Content-Length: 3', `Content-Length: ${BODY.length}`) + BODY + SMUGGLED],
    ['two lengths in one', start(`Content-Length: ${BODY.length}, ${BODY.length}`) + BODY + SMUGGLED],
    ['a length with a sign', start(`Content-Length: +${BODY.length}`) + BODY + SMUGGLED],
    ['a length in hex', start(`Content-Length: 0x1`) + BODY],
    ['a negative length', start('Content-Length: -1') + BODY],
    ['a length beyond all numbers', start(`Content-Length: ${'9'.repeat(40)}`) + BODY],
    ['chunked under another name', start('Transfer-Encoding: xchunked') + CHUNKED],
    ['chunked, but not last', start('Transfer-Encoding: chunked, identity') + CHUNKED],
    ['a space before the colon', start('Content-Length : 3') + 'abc'],
    ['a folded header', start('X-A: b\r\n Content-Length: 3') + 'abc'],
    ['a bare line feed', `POST /v1/completions HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc`],
    ['a bare carriage return', start('X-A: b\rContent-Length: 3') + 'abc'],
    ['a null byte in a header', start('X-A: a\0b') + 'abc'],
    ['a null byte in the path', 'GET /v1/\0models HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a space in the path', 'GET /v1/ models HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a header without a name', start(': x')],
    ['another version', 'GET /v1/models HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['a chunk that is longer than it says', `${start('Transfer-Encoding: chunked')}1\r\n${BODY}\r\n0\r\n\r\n`],
    ['a chunk with a negative size', `${start('Transfer-Encoding: chunked')}-1\r\n\r\n`],
  ])('is refused, and nothing after it is read: %s', async (_, bytes) => {
    const answer = await send(bytes);
    expect(statuses(answer)).toHaveLength(1);
    expect(statuses(answer)[0]).toBe(400);
    expect(answer).toMatch(/"code":"(invalid_http|invalid_argument)"/);
    expect(running.backend.requests).toHaveLength(0);
  });
});

describe('a request that is unusual', () => {
  it('is served in the old version, which needs no host', async () => {
    const answer = await send(
      `POST /v1/completions HTTP/1.0\r\n${JSON_TYPE}\r\n${KEY}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
    );
    expect(statuses(answer)).toEqual([200]);
  });

  it('may have chunk extensions and trailers, which say nothing', async () => {
    const body = `${BODY.length.toString(16)};a=b\r\n${BODY}\r\n0\r\nAuthorization: Bearer other\r\nHost: y\r\n\r\n`;
    const bytes =
      head('POST /v1/completions', [JSON_TYPE, KEY, 'Transfer-Encoding: chunked', 'Trailer: Authorization']) + body;
    expect(statuses(await send(bytes))).toEqual([200]);
    const unkeyed = head('POST /v1/completions', [JSON_TYPE, 'Transfer-Encoding: chunked']);
    const late = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\nAuthorization: Bearer k\r\n\r\n`;
    expect(statuses(await send(unkeyed + late))).toEqual([401]);
  });

  it('may follow others on its connection: answers come in order', async () => {
    const one = start(`Content-Length: ${BODY.length}`) + BODY;
    const answer = await send(one + head('GET /nothing', [], true) + one + head('GET /live'));
    expect(statuses(answer)).toEqual([200, 404, 200, 200]);
  });

  it('does not become another protocol by asking for it', async () => {
    for (const upgrade of ['h2c', 'websocket']) {
      const answer = await send(
        head('GET /live', [`Upgrade: ${upgrade}`, 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA']).replace(
          'Connection: close',
          'Connection: Upgrade, close',
        ),
      );
      expect(statuses(answer)).toEqual([200]);
    }
    const preface = await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(statuses(preface)).toEqual([400]);
  });

  it('may have a long path or many headers up to a limit, with an error beyond', async () => {
    expect(statuses(await send(head(`GET /live?${'x'.repeat(12_000)}`)))).toEqual([200]);
    expect(statuses(await send(head(`GET /live?${'x'.repeat(200_000)}`)))).toEqual([431]);
    expect(statuses(await send(head(`GET /v1/models/${'x'.repeat(600)}`, [KEY])))).toEqual([404]);
    const many = Array.from({ length: 1500 }, (_, at) => `a${at}: b`);
    expect(statuses(await send(head('GET /live', many.slice(0, 500))))).toEqual([200]);
    expect([200, 431]).toContain(statuses(await send(head('GET /live', many)))[0]);
  });

  it('loses none of its headers, however many there are', async () => {
    const many = Array.from({ length: 2200 }, () => 'a:b').join('\r\n');
    const last = (...headers: string[]) =>
      send(`GET /v1/models HTTP/1.1\r\n${many}\r\n${headers.join('\r\n')}\r\n\r\n`);
    expect(statuses(await last('Host: x', KEY, 'Connection: close'))).toEqual([200]);
    expect(statuses(await last('Host: x', 'Host: y', KEY, 'Connection: close'))).toEqual([400]);
  });

  it('of a client that closes its sending side early is given up', async () => {
    running.backend.script.tokenMs = 20;
    const raw = openRaw(running.server.httpPort);
    raw.socket.end(post('/v1/completions', JSON.stringify({ prompt: 'x', max_tokens: 4000 }), [KEY]));
    await raw.closed;
    await eventually(() => running.backend.running === 0 && running.server.held().requests === 0);
  });

  it('that stops in the middle of its head or body is answered when the client closes its side', async () => {
    for (const part of ['GET /live HT', `${start('Content-Length: 50')}{`]) {
      const raw = openRaw(running.server.httpPort);
      raw.socket.end(part);
      expect(statuses(await raw.closed)).toEqual([400]);
    }
  });
});

describe('slow heads', () => {
  it('end after a while, and hold no place meanwhile', async () => {
    await running.server.close();
    running = await startRouter({ bodyTimeoutMs: 200 });
    const raw = openRaw(running.server.httpPort);
    raw.send('GET /live HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => raw.send('a: b\r\n'), 20);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(running.server.arriving().requests).toBe(0);
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
  });
});
