import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestAuthority } from '@longhaul/testing';
import { hubFailure } from './hub-failure.js';
import { pullModel } from './pull-model.js';

const environment = { ...process.env };
let cacheDir: string;
let servers: Server[] = [];

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'hub-'));
  delete process.env['HF_TOKEN'];
});
afterEach(async () => {
  process.env = { ...environment };
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers = [];
  await rm(cacheDir, { recursive: true, force: true });
});

async function hub(answer: RequestListener, server: Server = createHttp(answer), scheme = 'http'): Promise<void> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['HF_ENDPOINT'] = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const pull = (): Promise<string> => pullModel('hf:owner/model', { cacheDir });
const asked = { repo: 'owner/model', revision: 'main', endpoint: 'https://hub.test' };

describe('a hub that refuses', () => {
  it.each<[number, string | null, string, RegExp]>([
    [401, null, 'MODEL_NOT_FOUND', /private or gated \(401\).*set HF_TOKEN/],
    [401, 'hf_x', 'MODEL_GATED', /token in HF_TOKEN is not valid/],
    [403, null, 'MODEL_GATED', /gated \(403\).*set HF_TOKEN/],
    [403, 'hf_x', 'MODEL_GATED', /account of HF_TOKEN has no access/],
    [404, null, 'MODEL_NOT_FOUND', /no such repository, or no revision or file "main".*\(404\)/],
    [429, null, 'PULL_FAILED', /too many requests \(429\)\. Wait/],
    [500, null, 'PULL_FAILED', /fault of its own \(500\)\. Pull again later/],
    [503, null, 'PULL_FAILED', /\(503\)/],
    [418, null, 'PULL_FAILED', /answered 418/],
  ])('%d (token: %s) says what to try, and nothing is left', async (status, token, reason, message) => {
    if (token !== null) process.env['HF_TOKEN'] = token;
    await hub((_request, response) => response.writeHead(status).end('<html>nginx</html>'));
    await expect(pull()).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
    await expect(pull()).rejects.toMatchObject({ message: expect.not.stringContaining('hf_x') });
    expect(await readdir(cacheDir)).toEqual([]);
  });
});

describe('a hub that cannot be reached', () => {
  it('for nobody listens says so', async () => {
    await hub(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await expect(pull()).rejects.toMatchObject({
      reason: 'PULL_FAILED',
      retry: 'same',
      message: expect.stringMatching(
        /127\.0\.0\.1:\d+ did not give owner\/model: it cannot be reached.*\(ECONNREFUSED\)/,
      ),
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('for its redirects never end says so', async () => {
    await hub((request, response) => response.writeHead(302, { location: request.url }).end());
    await expect(pull()).rejects.toMatchObject({ message: expect.stringMatching(/redirects in a circle/) });
  });

  it('for it breaks connections says so', async () => {
    await hub((request) => request.socket.destroy());
    await expect(pull()).rejects.toMatchObject({ message: expect.stringMatching(/connection broke/) });
  });

  it('for its certificate is not trusted says so', async () => {
    const authority = createTestAuthority();
    const { cert, key } = authority.issue('hub');
    await hub(() => undefined, createTls({ cert, key }), 'https');
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringMatching(/certificate or TLS is not accepted/),
    });
  });

  it('for it is no hub says so', async () => {
    await hub((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'));
    await expect(pull()).rejects.toMatchObject({ message: expect.stringMatching(/no JSON.*no model hub/) });
  });

  it.each(['ftp://x', 'nonsense', 'file:///etc'])('for its address is none says so (%s)', async (endpoint) => {
    process.env['HF_ENDPOINT'] = endpoint;
    await expect(pull()).rejects.toMatchObject({ reason: 'HUB_INVALID' });
  });

  it('for the token could not be sent says so, without the token', async () => {
    process.env['HF_ENDPOINT'] = 'http://127.0.0.1:1';
    process.env['HF_TOKEN'] = 'hf_x\nX-Evil: 1';
    await expect(pull()).rejects.toMatchObject({ reason: 'HUB_INVALID', message: expect.not.stringContaining('Evil') });
  });

  it.each([
    ['ENOTFOUND', /name cannot be resolved.*NODE_USE_ENV_PROXY/],
    ['EAI_AGAIN', /name cannot be resolved/],
    ['ENETUNREACH', /cannot be reached/],
    ['UND_ERR_CONNECT_TIMEOUT', /did not answer in time/],
    ['UND_ERR_HEADERS_TIMEOUT', /did not answer in time/],
    ['HUB_HEAD_TIMEOUT', /did not answer in time/],
    ['UND_ERR_SOCKET', /connection broke/],
    ['CERT_HAS_EXPIRED', /NODE_EXTRA_CA_CERTS/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /NODE_EXTRA_CA_CERTS/],
    ['SOMETHING_ELSE', /\(SOMETHING_ELSE\)/],
  ])('is told by the innermost cause (%s)', (code, message) => {
    const cause = new TypeError('fetch failed', {
      cause: new AggregateError([Object.assign(new Error('x'), { code })]),
    });
    expect(hubFailure(cause, asked).message).toMatch(message);
  });
});
