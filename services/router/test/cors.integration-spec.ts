import { afterEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@longhaul/platform-config';
import { edgeSettings } from '../src/index.js';
import { exchangeRaw, head, post, statuses } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

const PAGE = 'https://app.example.com';
const KEY = ['Authorization: Bearer k'];
const PATHS = ['/v1/chat/completions', '/v1/models', '/tokenize', '/health', '/nothing'];

let running: RunningRouter;
afterEach(() => running.server.close());

function preflight(path: string, origin: string): Promise<string> {
  const asks = [
    'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: authorization, x-stainless-lang',
  ];
  return exchangeRaw(running.server.httpPort, head(`OPTIONS ${path}`, [`Origin: ${origin}`, ...asks]));
}

const asked = (stream: boolean) => JSON.stringify({ prompt: 'x', max_tokens: 1, stream });

describe('a browser', () => {
  it('gets no word of other origins where none are allowed', async () => {
    running = await startRouter({ apiKey: 'k' });
    for (const path of PATHS) {
      const answer = await preflight(path, PAGE);
      expect(statuses(answer)).toEqual([404]);
      expect(answer).not.toMatch(/access-control/i);
    }
    const answer = await exchangeRaw(running.server.httpPort, head('GET /v1/models', [`Origin: ${PAGE}`, ...KEY]));
    expect(statuses(answer)).toEqual([200]);
    expect(answer).not.toMatch(/access-control/i);
  });

  it('may ask from an allowed origin, and its preflight needs no key', async () => {
    running = await startRouter({ apiKey: 'k', corsOrigins: ['http://localhost:3000', PAGE] });
    for (const path of PATHS) {
      const answer = await preflight(path, PAGE);
      expect(statuses(answer)).toEqual([204]);
      expect(answer).toMatch(new RegExp(`^access-control-allow-origin: ${PAGE}\\r$`, 'im'));
      expect(answer).toMatch(/^access-control-allow-headers: authorization, x-stainless-lang\r$/im);
      expect(answer).toMatch(/^vary: .*origin/im);
      expect(answer).not.toMatch(/allow-credentials/i);
    }
  });

  it.each([
    'https://app.example.com.evil.net',
    'https://evil.net',
    'http://app.example.com',
    'https://app.example.com:444',
    'https://APP.example.com/',
    'null',
    '',
    'https://app.example.com, https://evil.net',
  ])('may not ask from another one: %j', async (origin) => {
    running = await startRouter({ apiKey: 'k', corsOrigins: [PAGE] });
    const answer = await preflight('/v1/models', origin);
    expect(statuses(answer)).toEqual([404]);
    expect(answer).not.toMatch(/access-control-allow/i);
  });

  it.each([false, true])('reads answers, errors and ids; streamed: %s', async (stream) => {
    running = await startRouter({ apiKey: 'k', corsOrigins: [PAGE], maxBodyBytes: 2048 });
    const from = [`Origin: ${PAGE}`];
    const good = post('/v1/completions', asked(stream), [...from, ...KEY]);
    const large = post('/v1/completions', 'x'.repeat(4000), [...from, ...KEY]);
    for (const [bytes, status] of [
      [good, 200],
      [post('/v1/completions', asked(stream), from), 401],
      [large, 413],
      [head('GET /nothing', from), 404],
    ] as const) {
      const answer = await exchangeRaw(running.server.httpPort, bytes);
      expect(statuses(answer)).toEqual([status]);
      expect(answer).toMatch(new RegExp(`^access-control-allow-origin: ${PAGE}\\r$`, 'im'));
      expect(answer).toMatch(/^access-control-expose-headers: x-request-id, retry-after\r$/im);
    }
  });

  it('may ask from anywhere where that is said, never with credentials', async () => {
    running = await startRouter({ apiKey: 'k', corsOrigins: ['*'] });
    const answer = await preflight('/v1/models', 'https://any.example');
    expect(answer).toMatch(/^access-control-allow-origin: \*\r$/im);
    expect(answer).not.toMatch(/allow-credentials/i);
    const unkeyed = await exchangeRaw(running.server.httpPort, head('GET /v1/models', ['Origin: https://any.example']));
    expect(statuses(unkeyed)).toEqual([401]);
  });

  it.each([
    'https://a.example/',
    'a.example',
    'ftp://a.example',
    '*, https://a.example',
    'https://a.example,',
    'null',
    '',
  ])('is not let in by a setting that is no origin: %j', async (text) => {
    running = await startRouter();
    const load = () => loadConfig(edgeSettings, { argv: ['--cors-origins', text], env: {} });
    expect(load).toThrow(expect.objectContaining({ reason: 'CONFIG_INVALID' }));
  });

  it('is let in by origins separated by commas', async () => {
    running = await startRouter();
    const load = loadConfig(edgeSettings, { argv: ['--cors-origins', 'https://a.example, http://b:3000'], env: {} });
    expect(load.corsOrigins).toEqual(['https://a.example', 'http://b:3000']);
  });
});
