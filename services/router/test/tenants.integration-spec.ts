import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { SCRIPTED_MODEL } from '@longhaul/testing';
import { openTenants } from '../src/index.js';
import { watchedLog } from './support/ended.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

const folder = mkdtempSync(join(tmpdir(), 'tenants-'));
const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

/** A tenants file; `team` has two keys, as while one is replaced by the other. */
function fileOf(tenants: unknown): string {
  const path = join(folder, 'tenants.json');
  writeFileSync(path, JSON.stringify({ tenants }));
  return path;
}

const path = fileOf([
  { id: 'team', keys: [digest('old'), digest('new')], limits: { kv_bytes: 1, requests_per_minute: 2 } },
  { id: 'guest', keys: [digest('guest')], models: ['another'], weight: 2 },
]);

afterAll(() => rmSync(folder, { recursive: true }));

describe('a router with tenants', () => {
  const { log, lines, finished } = watchedLog();
  let running: RunningRouter;
  let client: inferenceV1.InferenceServiceClient;

  beforeAll(async () => {
    running = await startRouter({ tenants: path }, log);
    client = new inferenceV1.InferenceServiceClient(
      `127.0.0.1:${running.server.grpcPort}`,
      credentials.createInsecure(),
    );
  });
  afterAll(async () => {
    client.close();
    await running.server.close();
  });

  const headersOf = (key: string): Record<string, string> => (key === '' ? {} : { authorization: `Bearer ${key}` });

  async function overHttp(key: string, route: string, body?: object) {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const headers = { ...headersOf(key), 'content-type': 'application/json' };
    const response = await fetch(`${running.server.url}${route}`, { ...init, headers });
    return { status: response.status, body: (await response.json()) as { error?: { code: string }; data?: unknown[] } };
  }

  const complete = (key: string, more: object = {}) => overHttp(key, '/v1/completions', { prompt: 'x', ...more });

  async function overGrpc(key: string): Promise<string> {
    const input = { $case: 'prompt' as const, value: 'x' };
    const message = inferenceV1.GenerateRequest.create({ input, maxTokens: 1 });
    const options = { headers: headersOf(key) };
    try {
      for await (const _ of callServerStream((meta, call) => client.generate(message, meta, call), options));
      return running.backend.requests.at(-1)?.tenant ?? '';
    } catch (error) {
      return AppError.from(error).reason;
    }
  }

  it('knows a tenant by any of its keys, over both APIs, so that a new key finds the KV of the old one', async () => {
    for (const key of ['old', 'new']) {
      expect((await complete(key)).status).toBe(200);
      expect(running.backend.requests.at(-1)).toMatchObject({
        tenant: 'team',
        cacheSalt: '',
        attention: { preset: 'dense' },
      });
      expect(await overGrpc(key)).toBe('team');
    }
  });

  it('logs whose request it was, and nobody for a key that is nobody’s', async () => {
    await complete('old');
    await overGrpc('new');
    await complete('wrong');
    const told = () => finished().slice(-3);
    while (told().at(-1)?.status !== '401') await new Promise((resolve) => setTimeout(resolve, 5));
    expect(new Set(told().map(({ api, tenant }) => `${api} ${tenant}`))).toEqual(
      new Set(['http team', 'grpc team', 'http undefined']),
    );
  });

  it.each(['', 'wrong', digest('old'), 'OLD'])('turns away whoever sends %j', async (key) => {
    const before = running.backend.requests.length;
    expect(await complete(key)).toMatchObject({ status: 401, body: { error: { code: 'invalid_api_key' } } });
    expect((await overHttp(key, '/v1/models')).status).toBe(401);
    expect(await overGrpc(key)).toBe('INVALID_API_KEY');
    expect(running.backend.requests).toHaveLength(before);
  });

  it('shows a model to those who may ask for it, and is without it to others, whatever they do', async () => {
    const { id } = SCRIPTED_MODEL;
    expect((await overHttp('old', '/v1/models')).body.data).toHaveLength(1);
    expect((await overHttp('guest', '/v1/models')).body.data).toEqual([]);
    const answers = [
      await overHttp('guest', `/v1/models/${id}`),
      await complete('guest'),
      await complete('guest', { model: id }),
      await overHttp('guest', '/tokenize', { prompt: 'x' }),
      await overHttp('guest', '/detokenize', { tokens: [65], model: id }),
    ];
    for (const { status, body } of answers) {
      expect([status, body.error?.code]).toEqual([404, 'model_not_found']);
    }
    expect(JSON.stringify((await complete('guest', { model: 'x' })).body)).not.toContain(id);
  });

  it('is without the model over gRPC, too', async () => {
    expect(await overGrpc('guest')).toBe('MODEL_NOT_FOUND');
    const ask = (key: string) =>
      callUnary<inferenceV1.ModelInfoResponse>((meta, call, done) => client.modelInfo({}, meta, call, done), {
        headers: headersOf(key),
      });
    expect((await ask('new')).id).toBe(SCRIPTED_MODEL.id);
    await expect(ask('guest')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('says once, at its start, which limits do nothing yet', () => {
    expect(lines.filter(({ event }) => event === 'tenant-limits-not-enforced')).toEqual([
      expect.objectContaining({ tenants: 'team, guest', limits: 'requests_per_minute, kv_bytes, weight' }),
    ]);
  });
});

describe('a router with one key', () => {
  let running: RunningRouter | null = null;
  afterEach(() => running?.server.close());

  it('says nothing of limits, and takes the digest of the key for its tenant', async () => {
    const { log, lines } = watchedLog();
    running = await startRouter({ apiKey: 'k' }, log);
    const headers = { authorization: 'Bearer k', 'content-type': 'application/json' };
    const body = JSON.stringify({ prompt: 'x', max_tokens: 1 });
    await fetch(`${running.server.url}/v1/completions`, { method: 'POST', body, headers });
    expect(running.backend.requests[0]?.tenant).toBe(digest('k').slice(7, 23));
    expect(lines.filter(({ event }) => event === 'tenant-limits-not-enforced')).toEqual([]);
  });
});

describe('the configuration of tenants', () => {
  const large = join(folder, 'large.json');
  const latin = join(folder, 'latin.json');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  writeFileSync(large, ' '.repeat(4 * 2 ** 20 + 1));
  writeFileSync(latin, Uint8Array.of(0x22, 0xe9, 0x22));

  const attention = { attentionDefault: 'dense', attentionAllowed: ['dense'] } as const;

  it.each<[string, Partial<Parameters<typeof openTenants>[0]>, string]>([
    ['a key beside a file', { apiKey: 'k', tenants: path }, '--api-key and --tenants: give one of them'],
    ['a file that is not there', { tenants: join(folder, 'none') }, 'is not there'],
    ['a folder', { tenants: folder }, 'is a directory'],
    ['a named pipe', { tenants: pipe }, 'is a named pipe'],
    ['a device', { tenants: '/dev/zero' }, 'is a device'],
    ['a file of more than 4 MiB', { tenants: large }, 'at most 4194304 are read'],
    ['a file that is not UTF-8', { tenants: latin }, 'is not UTF-8'],
    ['a file with a fault', { tenants: join(folder, 'bad.json') }, '--tenants: tenants[0].keys[0]: must be sha256:'],
  ])('is refused with %s', (_, config, message) => {
    writeFileSync(join(folder, 'bad.json'), JSON.stringify({ tenants: [{ id: 'a', keys: ['k'] }] }));
    expect(() => openTenants({ ...attention, ...config })).toThrow(
      expect.objectContaining({ reason: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('tells the first 20 faults of many, and how many more there are', () => {
    const many = join(folder, 'many.json');
    writeFileSync(many, JSON.stringify({ tenants: Array.from({ length: 25 }, () => ({})) }));
    expect(() => openTenants({ ...attention, tenants: many })).toThrow(/and 30 more/);
  });
});
