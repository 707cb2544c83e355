import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RequestMethod } from '@nestjs/common';
import { HealthController } from '@longhaul/platform-health';
import { OperationsController } from '@longhaul/platform-http';
import 'reflect-metadata';
import { OpenAiController } from '../src/adapters/http/openai.controller.js';
import { TokenizeController } from '../src/adapters/http/tokenize.controller.js';
import { VersionController } from '../src/adapters/http/version.controller.js';
import { startRouter, type RunningRouter } from './support/start-router.js';
import { exchangeRaw, head, post, statuses } from './support/raw-http.js';

const OPEN = ['/live', '/liveness', '/health', '/ready', '/readiness', '/version', '/metrics'];
const KEYED = ['/v1/models', '/v1/models/x', '/v1/chat/completions', '/v1/completions', '/tokenize', '/detokenize'];
const BODY = JSON.stringify({ prompt: 'x', max_tokens: 1 });

let running: RunningRouter;
beforeAll(async () => {
  running = await startRouter({ apiKey: 'k', maxBodyBytes: 64 * 1024 });
});
afterAll(() => running.server.close());

interface Route {
  method: string;
  path: string;
}

/** Every route that the controllers declare. */
function declaredRoutes(): Route[] {
  const controllers = [OpenAiController, TokenizeController, VersionController, OperationsController, HealthController];
  return controllers.flatMap((controller) => {
    const prefix = Reflect.getMetadata('path', controller) as string;
    const methods = Object.getOwnPropertyNames(controller.prototype).map(
      (name) => controller.prototype[name as never] as object,
    );
    return methods
      .filter((handler) => Reflect.hasMetadata('method', handler))
      .flatMap((handler) => {
        const method = RequestMethod[Reflect.getMetadata('method', handler) as number] ?? '';
        const paths = [Reflect.getMetadata('path', handler) as string | string[]].flat();
        return paths.map((path) => ({ method, path: `/${[prefix, path].filter((part) => part !== '/').join('/')}` }));
      });
  });
}

async function statusOf(method: string, target: string, headers: readonly string[] = []): Promise<number> {
  const bytes = method === 'POST' ? post(target, BODY, headers) : head(`${method} ${target}`, headers);
  return statuses(await exchangeRaw(running.server.httpPort, bytes))[0] ?? 0;
}

/** Spellings of one path, most of which some router somewhere takes for it. */
function spellings(path: string): string[] {
  const encoded = [...path].flatMap((letter, at) => {
    const code = letter.charCodeAt(0).toString(16);
    const escapes = [`%${code}`, `%${code.toUpperCase()}`, `%25${code}`];
    return escapes.map((escape) => `${path.slice(0, at)}${escape}${path.slice(at + 1)}`);
  });
  const all = [...path.slice(1)].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
  return [
    ...encoded,
    `/${all}`,
    ...[`/${path}`, `//x${path}`, path.replaceAll('/', '//'), `${path}/`, `${path}//`, `${path}/.`, `${path}/..`],
    ...[`/.${path}`, `/..${path}`, `/x/..${path}`, `/%2e%2e${path}`, `/live/..${path}`, `/health/../..${path}`],
    ...[path.toUpperCase(), path.replace('v', 'V'), `${path};a=b`, `${path}%3b`, `/;x${path}`, `/live;${path}`],
    ...[`${path}?x=/live`, `${path}?/health`, `${path}#/live`, `${path}%23`, `${path}%3f`, `${path}%00`, `${path}%20`],
    ...[
      `http://x${path}`,
      `http://x:1/${path}`,
      `https://u:p@x${path}`,
      `HTTP://X${path}`,
      `ws://x${path}`,
      `http:${path}`,
    ],
    ...[`http://x/live/..${path}`, `http:///live${path}`, `http://live?${path}`, `*${path}`, `\\${path.slice(1)}`],
    ...[
      `${path}%2f`,
      path.replace(/\/(?=[^/]*$)/, '%2f'),
      path.replaceAll('/', '\\'),
      `/live%2f..${path}`,
      `/%2flive${path}`,
    ],
    ...[`${path}%c0%af`, `${path}%zz`, `${path}%`, `/\u00e9${path}`],
  ];
}

describe('without the key', () => {
  it.each(KEYED.map((path) => [path]))('no spelling of %s is served', async (path) => {
    const seen = new Set<number>();
    for (const target of spellings(path))
      for (const method of ['GET', 'POST']) seen.add(await statusOf(method, target));
    // Nothing was served, and nothing failed: refused for the key, as unknown, or as no HTTP at all.
    for (const status of seen) expect([400, 401, 404, 413]).toContain(status);
    expect(running.backend.requests).toHaveLength(0);
  });

  it.each(['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY', 'PROPFIND', 'LOCK', 'get', 'Get'])(
    'no path is served by %s',
    async (method) => {
      for (const path of [...KEYED, '/V1/models', '//v1/models']) {
        expect([400, 401, 404]).toContain(await statusOf(method, path));
      }
    },
  );

  it('every route that a controller declares is closed, except those for operators', async () => {
    const routes = declaredRoutes();
    expect(routes.length).toBeGreaterThanOrEqual(12);
    for (const { method, path } of routes) {
      const status = await statusOf(method, path.replace('*', 'x'));
      if (OPEN.includes(path)) expect([path, status]).toEqual([path, 200]);
      else expect([path, status]).toEqual([path, 401]);
    }
  });

  it('spellings of open paths open nothing else', async () => {
    for (const target of ['/live', '/%6cive', 'http://x/live', '/live?x=/v1/models']) {
      expect(await statusOf('GET', target)).toBe(200);
    }
    for (const target of ['/live/v1/models', '/liveX', '/metrics/../v1/models', '/live/']) {
      expect([401, 404]).toContain(await statusOf('GET', target));
    }
  });
});

describe('with the key', () => {
  const key = ['Authorization: Bearer k'];

  it('one path has several spellings, all of which are admitted alike', async () => {
    for (const target of ['/v1/completions', '/%761/completions', 'http://x/v1/completions', '/v1/%63ompletions?a=b']) {
      expect([target, await statusOf('POST', target, key)]).toEqual([target, 200]);
    }
    expect(running.server.held()).toEqual({ requests: 0, promptBytes: 0 });
    const absolute = await exchangeRaw(running.server.httpPort, head('GET http://x/v1/models', key));
    expect(statuses(absolute)).toEqual([200]);
  });

  it.each(['bearer k', 'BEARER k', 'BeArEr   k'])('the scheme is read whatever its case: %s', async (value) => {
    expect(await statusOf('GET', '/v1/models', [`Authorization: ${value}`])).toBe(200);
  });

  it.each(['k', 'Bearer', 'Bearer ', 'Bearerk', 'Basic k', 'Bearer k x', 'Bearer K', 'Token k', 'Bearer\tk'])(
    'what is not the key is refused: %j',
    async (value) => {
      expect(await statusOf('GET', '/v1/models', [`Authorization: ${value}`])).toBe(401);
    },
  );

  it('the first of two Authorization headers counts', async () => {
    expect(await statusOf('GET', '/v1/models', ['Authorization: Bearer x', ...key])).toBe(401);
  });
});

describe('an unknown path', () => {
  it('is a 404 that names method and path, at a bounded length and without the query', async () => {
    const answer = await exchangeRaw(running.server.httpPort, head('DELETE /v2/nothing?secret=1'));
    expect(answer).toContain('"message":"There is nothing at DELETE /v2/nothing."');
    expect(answer).not.toContain('secret');
    const long = await exchangeRaw(running.server.httpPort, head(`GET /${'x'.repeat(5000)}`));
    expect(statuses(long)).toEqual([404]);
    expect(long.length).toBeLessThan(1000);
  });

  it('is refused before its body is read', async () => {
    const waiting = await exchangeRaw(
      running.server.httpPort,
      head('POST /v2/nothing', ['Content-Type: application/json', 'Content-Length: 60000', 'Expect: 100-continue']),
    );
    expect(statuses(waiting)).toEqual([404]);
    expect(running.server.arriving()).toMatchObject({ requests: 0, bytes: 0 });
  });
});

describe('request ids', () => {
  const ids = ['X-Request-Id: first', 'X-Request-Id: second'];

  it.each([...OPEN, '/v1/models', '/nothing', '/%zz'])('the first of several is the one, on %s', async (path) => {
    const answer = await exchangeRaw(running.server.httpPort, head(`GET ${path}`, ids));
    expect(answer).toMatch(/^x-request-id: first\r$/im);
  });

  it.each(OPEN)('one that cannot be used does not fail %s', async (path) => {
    const answer = await exchangeRaw(
      running.server.httpPort,
      head(`GET ${path}`, [`X-Request-Id: ${'x'.repeat(200)}`]),
    );
    expect(statuses(answer)).toEqual([200]);
    expect(answer).toMatch(/^x-request-id: [0-9a-f-]{36}\r$/im);
  });

  it.each(['x'.repeat(129), 'a b', 'ä'])('one that cannot be used is refused by the API: %j', async (id) => {
    const answer = await exchangeRaw(
      running.server.httpPort,
      head('GET /v1/models', ['Authorization: Bearer k', `X-Request-Id: ${id}`]),
    );
    expect(statuses(answer)).toEqual([400]);
    expect(answer).toContain('"param":"X-Request-Id"');
  });
});
