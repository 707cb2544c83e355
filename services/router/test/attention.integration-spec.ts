import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import type { AttentionUsage } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { ScriptedBackend, SCRIPTED_MODEL } from '@longhaul/testing';
import { IMPOSSIBLE, PAGES, SHAPE } from './support/attention-policies.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

const MODEL = { ...SCRIPTED_MODEL, attention: SHAPE };
const folder = mkdtempSync(join(tmpdir(), 'attention-'));
const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;
afterAll(() => rmSync(folder, { recursive: true }));

let running: RunningRouter | null = null;
let client: inferenceV1.InferenceServiceClient | null = null;
afterEach(async () => {
  client?.close();
  await running?.server.close();
  running = client = null;
});

type Overrides = Parameters<typeof startRouter>[0];

async function start(overrides: Overrides = {}, model = MODEL): Promise<RunningRouter> {
  running = await startRouter(overrides, undefined, new ScriptedBackend(model));
  client = new inferenceV1.InferenceServiceClient(`127.0.0.1:${running.server.grpcPort}`, credentials.createInsecure());
  return running;
}

function tenantsFile(...tenants: object[]): string {
  const path = join(folder, 'tenants.json');
  writeFileSync(path, JSON.stringify({ tenants }));
  return path;
}

interface Refusal {
  status?: number;
  code: string;
  field: string | null;
  message: string;
}

const PATHS = { chat: '/v1/chat/completions', completions: '/v1/completions' } as const;
type Api = keyof typeof PATHS;

const headersOf = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { authorization: `Bearer ${key}` };

function send(api: Api, body: object, key?: string): Promise<Response> {
  const prompt = api === 'chat' ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' };
  return post(api, JSON.stringify({ ...prompt, max_tokens: 1, ...body }), key);
}

function post(api: Api, body: string, key?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...headersOf(key) };
  return fetch(`${running?.server.url}${PATHS[api]}`, { method: 'POST', headers, body });
}

async function overHttp(api: Api, longhaul: object, key?: string): Promise<Refusal | null> {
  const response = await send(api, { longhaul }, key);
  const { error } = (await response.json()) as { error?: { code: string; param: string | null; message: string } };
  if (error === undefined) return null;
  return { status: response.status, code: error.code, field: error.param, message: error.message };
}

type GrpcFields = Parameters<typeof inferenceV1.GenerateRequest.create>[0];

async function* stream(fields: GrpcFields, key?: string): AsyncGenerator<inferenceV1.GenerateResponse, void> {
  const input = { $case: 'prompt' as const, value: 'x' };
  const message = inferenceV1.GenerateRequest.create({ input, maxTokens: 1, ...fields });
  const call = (metadata: Parameters<inferenceV1.InferenceServiceClient['generate']>[1], options: object) => {
    if (client === null) throw new Error('not started');
    return client.generate(message, metadata, options);
  };
  yield* callServerStream(call, { headers: headersOf(key) });
}

async function overGrpc(fields: GrpcFields, key?: string): Promise<Refusal | null> {
  try {
    for await (const _ of stream(fields, key));
    return null;
  } catch (error) {
    const { reason, field = null, message } = AppError.from(error);
    return { code: reason.toLowerCase(), field, message };
  }
}

describe('longhaul.attention', () => {
  it('reaches the engine as it was asked for, over all APIs alike', async () => {
    const { backend } = await start();
    const cases: readonly (readonly [object | string | null, object])[] = [
      [null, { preset: 'dense' }],
      ...(['dense', 'balanced', 'fast'] as const).map((preset) => [preset, { preset }] as const),
      [
        { preset: 'balanced', dense_below: 0 },
        { preset: 'balanced', dense_below: 0 },
      ],
      [PAGES, PAGES],
    ];
    for (const [attention, spec] of cases) {
      expect(await overHttp('chat', { attention })).toBeNull();
      expect(await overHttp('completions', { attention })).toBeNull();
      const text = typeof attention === 'object' && attention !== null ? JSON.stringify(attention) : (attention ?? '');
      expect(await overGrpc({ attention: text })).toBeNull();
      expect(backend.requests.slice(-3).map((request) => request.attention)).toEqual([spec, spec, spec]);
    }
  });

  it.each(['quest', '', 'Dense', 'custom', '__proto__', 'x'.repeat(1e5)])(
    'is refused with the presets that there are when it is %.20j',
    async (name) => {
      const { backend } = await start();
      for (const api of ['chat', 'completions'] as const) {
        const refusal = await overHttp(api, { attention: name });
        expect(refusal).toMatchObject({ status: 400, code: 'invalid_argument', field: 'longhaul.attention' });
        expect(refusal?.message).toContain('dense, balanced, fast');
        expect(refusal?.message.length).toBeLessThan(300);
      }
      if (name !== '') {
        const refusal = await overGrpc({ attention: name });
        expect(refusal).toMatchObject({ code: 'invalid_argument', field: 'attention' });
      }
      expect(backend.requests).toHaveLength(0);
    },
  );

  it.each(IMPOSSIBLE)('is refused with %s', async (_, policy, field, why) => {
    const { backend } = await start();
    for (const api of ['chat', 'completions'] as const) {
      const refusal = await overHttp(api, { attention: policy });
      expect(refusal).toMatchObject({ status: 400, code: 'invalid_argument', field: `longhaul.attention${field}` });
      expect(refusal?.message).toMatch(why);
    }
    const refusal = await overGrpc({ attention: JSON.stringify(policy) });
    expect(refusal).toMatchObject({ code: 'invalid_argument', field: `attention${field}` });
    expect(refusal?.message).toMatch(why);
    expect(backend.requests).toHaveLength(0);
  });

  it('is refused when it is no JSON, no object, or too large, and never repeated', async () => {
    await start();
    for (const attention of [1, true, [], ['dense']]) {
      expect(await overHttp('chat', { attention })).toMatchObject({ status: 400, field: 'longhaul.attention' });
    }
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    const large = { ...PAGES, plans: Array.from({ length: 64 }, () => ({ ...PAGES.plans[0], kv_heads: longList() })) };
    expect(await overHttp('completions', { attention: large })).toMatchObject({ field: 'longhaul.attention' });
    const response = await post('completions', `{"prompt": "x", "longhaul": {"attention": ${deep}}}`);
    expect(response.status).toBe(400);
    for (const text of ['{', '[]', '{"plans": [}', '1.5', JSON.stringify(large), deep]) {
      const refusal = await overGrpc({ attention: text });
      expect(refusal?.code).toBe('invalid_argument');
      expect(refusal?.field).toMatch(/^attention/);
      expect(refusal?.message.length).toBeLessThan(300);
    }
  });

  it('takes no `policy` beside it', async () => {
    await start();
    expect(await overHttp('chat', { policy: 'dense' })).toMatchObject({ status: 400, field: 'longhaul.policy' });
  });
});

describe('what else a request asks', () => {
  it('has to fit its policy: no more exact than the policy is', async () => {
    await start();
    for (const attention of ['balanced', PAGES]) {
      expect(await overHttp('chat', { attention, quality: 'exact' })).toMatchObject({
        ...{ status: 400, code: 'quality_not_available', field: 'longhaul.quality' },
        message: expect.stringContaining('sparse'),
      });
      expect(await overHttp('chat', { attention, quality: 'sparse' })).toBeNull();
    }
    const fields = { attention: 'fast', quality: inferenceV1.Quality.QUALITY_NEAR };
    expect(await overGrpc(fields)).toMatchObject({ code: 'quality_not_available', field: 'quality' });
    expect(await overHttp('chat', { quality: 'exact' })).toBeNull();
  });

  it('has to fit its policy: no drafts where lists are kept from token to token', async () => {
    await start();
    const speculation = { kind: 'lookup' };
    expect(await overHttp('completions', { attention: 'balanced', speculation })).toBeNull();
    expect(await overHttp('completions', { attention: 'fast', speculation })).toMatchObject({
      ...{ status: 400, code: 'invalid_argument', field: 'longhaul.speculation' },
      message: expect.stringContaining('fast'),
    });
    const lookup = { kind: inferenceV1.SpeculationKind.SPECULATION_KIND_LOOKUP, maxDraftTokens: undefined };
    expect(await overGrpc({ attention: 'fast', speculation: lookup })).toMatchObject({ field: 'speculation' });
  });
});

describe('a server', () => {
  it('takes what it allows, and says to everybody else what there is', async () => {
    await start({ attentionAllowed: ['dense', 'balanced'] });
    expect(await overHttp('chat', { attention: 'balanced' })).toBeNull();
    for (const attention of ['fast', PAGES, { preset: 'balanced', dense_below: 0 }]) {
      const expected = { code: 'not_supported', message: expect.stringContaining('there is dense, balanced.') };
      expect(await overHttp('chat', { attention })).toMatchObject({
        status: 400,
        field: 'longhaul.attention',
        ...expected,
      });
      const text = typeof attention === 'string' ? attention : JSON.stringify(attention);
      expect(await overGrpc({ attention: text })).toMatchObject({ field: 'attention', ...expected });
    }
  });

  it('gives its default to those who do not say', async () => {
    const { backend } = await start({ attentionDefault: 'balanced' });
    expect(await overHttp('chat', {})).toBeNull();
    expect(await overGrpc({})).toBeNull();
    expect(await overHttp('chat', { attention: 'dense' })).toBeNull();
    const presets = backend.requests.map(({ attention }) => attention);
    expect(presets).toEqual([{ preset: 'balanced' }, { preset: 'balanced' }, { preset: 'dense' }]);
  });

  it('does not start with a default that it does not allow', async () => {
    await expect(start({ attentionDefault: 'fast', attentionAllowed: ['dense'] })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('--attention-default: fast is not in --attention-allowed (dense)'),
    });
  });

  it('does not start with a default that the model forbids, its own or that of a tenant, and says why', async () => {
    const model = { ...MODEL, attention: { ...SHAPE, channels: [] } };
    await expect(start({ attentionDefault: 'balanced' }, model)).rejects.toMatchObject({
      reason: 'ATTENTION_DEFAULT_IMPOSSIBLE',
      message: expect.stringMatching(/--attention-default: balanced: .*key-bounds/s),
    });
    const tenants = tenantsFile(
      { id: 'a', keys: [digest('a')] },
      { id: 'b', keys: [digest('b')], default_policy: 'fast' },
    );
    await expect(start({ tenants }, model)).rejects.toMatchObject({
      message: expect.stringMatching(/--tenants: tenants\[1\]\.default_policy: fast: .*key-bounds/s),
    });
    const { server } = await start({}, model);
    expect(await overHttp('chat', { attention: 'balanced' })).toMatchObject({
      status: 400,
      field: 'longhaul.attention',
    });
    expect(await overHttp('chat', {})).toBeNull();
    expect(await allowedOver(server.url)).toEqual({ default: 'dense', allowed: ['dense', 'custom'] });
  });

  it('has nothing but dense where the worker does not tell what it can do', async () => {
    await start({}, SCRIPTED_MODEL as typeof MODEL);
    expect(await overHttp('chat', { attention: 'dense' })).toBeNull();
    for (const attention of ['balanced', PAGES]) {
      expect(await overHttp('chat', { attention })).toMatchObject({ status: 400, code: 'not_supported' });
    }
  });
});

async function allowedOver(url: string, key?: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/models`, { headers: headersOf(key) });
  return ((await response.json()) as { data: { attention: unknown }[] }).data[0]?.attention;
}

async function modelInfo(key: string): Promise<unknown> {
  const { attentionDefault, attentionAllowed } = await callUnary<inferenceV1.ModelInfoResponse>(
    (metadata, options, done) => {
      if (client === null) throw new Error('not started');
      return client.modelInfo({}, metadata, options, done);
    },
    { headers: headersOf(key) },
  );
  return { default: attentionDefault, allowed: attentionAllowed };
}

describe('a tenant', () => {
  it('has what its file says, over both APIs, and its own default', async () => {
    const tenants = tenantsFile(
      { id: 'quick', keys: [digest('quick')], policies: ['dense', 'fast'], default_policy: 'fast' },
      { id: 'free', keys: [digest('free')] },
    );
    const { server, backend } = await start({ tenants });
    expect(await overHttp('chat', {}, 'quick')).toBeNull();
    expect(await overGrpc({}, 'quick')).toBeNull();
    expect(await overHttp('chat', {}, 'free')).toBeNull();
    const presets = backend.requests.map(({ attention }) => attention);
    expect(presets).toEqual([{ preset: 'fast' }, { preset: 'fast' }, { preset: 'dense' }]);
    for (const attention of ['balanced', PAGES]) {
      const expected = { code: 'policy_not_allowed', message: expect.stringContaining('there is dense, fast.') };
      expect(await overHttp('completions', { attention }, 'quick')).toMatchObject({
        ...{ status: 403, field: 'longhaul.attention' },
        ...expected,
      });
      const text = typeof attention === 'string' ? attention : JSON.stringify(attention);
      expect(await overGrpc({ attention: text }, 'quick')).toMatchObject({ field: 'attention', ...expected });
      expect(await overHttp('chat', { attention }, 'free')).toBeNull();
    }
    const offered = { default: 'fast', allowed: ['dense', 'fast'] };
    expect(await allowedOver(server.url, 'quick')).toEqual(offered);
    expect(await modelInfo('quick')).toEqual(offered);
    expect(await modelInfo('free')).toEqual({ default: 'dense', allowed: ['dense', 'balanced', 'fast', 'custom'] });
  });

  it('does not stop a start quietly: what it may not have is named by its place', async () => {
    const tenants = tenantsFile({ id: 'a', keys: [digest('a')], policies: ['fast'] });
    await expect(start({ tenants })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('--tenants: tenants[0].policies: lack dense'),
    });
  });
});

describe('usage', () => {
  const attention: AttentionUsage = {
    ...{ policy: 'balanced', quality: 'sparse', density: { prefill: 0.25, decode: 0.125 }, kvReadBytes: 2 ** 40 },
    ...{ audit: { samples: 8, recall: 0.5, breaches: 1 }, fallbacks: 2 },
  };
  const { kvReadBytes, ...rest } = attention;
  const expected = { ...rest, kv_bytes_read: kvReadBytes };

  it('says how attention was computed, whole and in a stream that asks for usage', async () => {
    const { backend } = await start();
    backend.script.attention = attention;
    for (const api of ['chat', 'completions'] as const) {
      const whole = (await (await send(api, {})).json()) as { usage: { longhaul: unknown } };
      expect(whole.usage.longhaul).toEqual(expected);
      const streamed = await (await send(api, { stream: true, stream_options: { include_usage: true } })).text();
      expect(streamed).toContain(`"longhaul":${JSON.stringify({ ...expected })}`.slice(0, 20));
      const chunks = streamed.split('\n\n').flatMap((event) => (event.startsWith('data: {') ? [event.slice(6)] : []));
      const usages = chunks.map((chunk) => (JSON.parse(chunk) as { usage: { longhaul: unknown } | null }).usage);
      expect(usages.at(-1)?.longhaul).toEqual(expected);
      expect(usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
    }
  });

  it('is the same over gRPC', async () => {
    const { backend } = await start();
    backend.script.attention = attention;
    const events = [];
    for await (const { event } of stream({})) events.push(event);
    expect(events.at(-1)).toMatchObject({
      $case: 'done',
      value: {
        attention: {
          ...{ policy: 'balanced', quality: inferenceV1.Quality.QUALITY_SPARSE, prefillDensity: 0.25 },
          ...{ decodeDensity: 0.125, kvReadBytes: BigInt(kvReadBytes), audit: attention.audit, fallbacks: 2 },
        },
      },
    });
  });

  it('is null, and unset over gRPC, where the engine does not tell', async () => {
    await start();
    const whole = (await (await send('chat', {})).json()) as { usage: { longhaul: unknown } };
    expect(whole.usage.longhaul).toBeNull();
    let last: inferenceV1.GenerateResponse['event'];
    for await (const { event } of stream({})) last = event;
    expect(last?.$case === 'done' ? last.value.attention : null).toBeUndefined();
  });

  it('has no audit where nothing was compared, and no recall without samples', async () => {
    const { backend } = await start();
    for (const audit of [null, { samples: 0, recall: null, breaches: 0 }]) {
      backend.script.attention = { ...attention, audit };
      const whole = (await (await send('chat', {})).json()) as { usage: { longhaul: { audit: unknown } } };
      expect(whole.usage.longhaul.audit).toEqual(audit);
    }
  });

  it('is one for several prompts', async () => {
    const { backend } = await start();
    backend.script.attention = attention;
    const response = await send('completions', { prompt: ['a', 'b', 'c'] });
    const { usage } = (await response.json()) as { usage: { longhaul: unknown } };
    expect(usage.longhaul).toEqual({
      ...expected,
      ...{ kv_bytes_read: 3 * kvReadBytes, fallbacks: 6, audit: { samples: 24, recall: 0.5, breaches: 3 } },
    });
  });
});

function longList(): number[] {
  return Array.from({ length: 1024 }, (_, i) => i % 1024);
}
