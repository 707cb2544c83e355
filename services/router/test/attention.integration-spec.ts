import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { duoAttention } from '@longhaul/attention';
import { inferenceV1 } from '@longhaul/contracts';
import { SCRIPTED_MODEL } from '@longhaul/testing';
import { IMPOSSIBLE, PAGES, SHAPE } from './support/attention-policies.js';
import { MODEL, OneAtATime } from './support/both-apis.js';

const folder = mkdtempSync(join(tmpdir(), 'attention-'));
const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;
afterAll(() => rmSync(folder, { recursive: true }));

function tenantsFile(...tenants: object[]): string {
  const path = join(folder, 'tenants.json');
  writeFileSync(path, JSON.stringify({ tenants }));
  return path;
}

const router = new OneAtATime();
afterEach(() => router.close());

describe('longhaul.attention', () => {
  it('reaches the engine as it was asked for, over all APIs alike', async () => {
    const { backend } = await router.start();
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
      expect(await router.apis.overHttp('chat', { attention })).toBeNull();
      expect(await router.apis.overHttp('completions', { attention })).toBeNull();
      const text = typeof attention === 'object' && attention !== null ? JSON.stringify(attention) : (attention ?? '');
      expect(await router.apis.overGrpc({ attention: text })).toBeNull();
      expect(backend.requests.slice(-3).map((request) => request.attention)).toEqual([spec, spec, spec]);
    }
  });

  it.each(['quest', '', 'Dense', 'custom', '__proto__', 'x'.repeat(1e5)])(
    'is refused with the presets that there are when it is %.20j',
    async (name) => {
      const { backend } = await router.start();
      for (const api of ['chat', 'completions'] as const) {
        const refusal = await router.apis.overHttp(api, { attention: name });
        expect(refusal).toMatchObject({ status: 400, code: 'invalid_argument', field: 'longhaul.attention' });
        expect(refusal?.message).toContain('dense, balanced, fast');
        expect(refusal?.message.length).toBeLessThan(300);
      }
      if (name !== '') {
        const refusal = await router.apis.overGrpc({ attention: name });
        expect(refusal).toMatchObject({ code: 'invalid_argument', field: 'attention' });
      }
      expect(backend.requests).toHaveLength(0);
    },
  );

  it.each(IMPOSSIBLE)('is refused with %s', async (_, policy, field, why) => {
    const { backend } = await router.start();
    for (const api of ['chat', 'completions'] as const) {
      const refusal = await router.apis.overHttp(api, { attention: policy });
      expect(refusal).toMatchObject({ status: 400, code: 'invalid_argument', field: `longhaul.attention${field}` });
      expect(refusal?.message).toMatch(why);
      expect(refusal?.message).toMatch(/^longhaul\.attention/);
    }
    const refusal = await router.apis.overGrpc({ attention: JSON.stringify(policy) });
    expect(refusal).toMatchObject({ code: 'invalid_argument', field: `attention${field}` });
    expect(refusal?.message).toMatch(why);
    expect(backend.requests).toHaveLength(0);
  });

  it('is refused for a field whose name is half a character, and the next request is answered', async () => {
    await router.start();
    for (const name of ['\ud800', `${'a'.repeat(63)}\u{1f600}`]) {
      const policy = { plans: [], [name]: 1 };
      expect(await router.apis.overHttp('chat', { attention: policy })).toMatchObject({ status: 400 });
      const refusal = await router.apis.overGrpc({ attention: JSON.stringify(policy) });
      expect(refusal).toMatchObject({ code: 'invalid_argument' });
      expect(refusal?.message).toMatch(/no field/);
      expect(await router.apis.overGrpc({})).toBeNull();
    }
  });

  it('is refused when it is no JSON, no object, or too large, and never repeated', async () => {
    await router.start();
    for (const attention of [1, true, [], ['dense']]) {
      expect(await router.apis.overHttp('chat', { attention })).toMatchObject({
        status: 400,
        field: 'longhaul.attention',
      });
    }
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    const large = { ...PAGES, plans: Array.from({ length: 64 }, () => ({ ...PAGES.plans[0], kv_heads: longList() })) };
    expect(await router.apis.overHttp('completions', { attention: large })).toMatchObject({
      field: 'longhaul.attention',
    });
    const response = await router.apis.post('completions', `{"prompt": "x", "longhaul": {"attention": ${deep}}}`);
    expect(response.status).toBe(400);
    for (const text of ['{', '[]', '{"plans": [}', '1.5', JSON.stringify(large), deep]) {
      const refusal = await router.apis.overGrpc({ attention: text });
      expect(refusal?.code).toBe('invalid_argument');
      expect(refusal?.field).toMatch(/^attention/);
      expect(refusal?.message.length).toBeLessThan(300);
    }
  });

  it('takes no `policy` beside it', async () => {
    await router.start();
    expect(await router.apis.overHttp('chat', { policy: 'dense' })).toMatchObject({
      status: 400,
      field: 'longhaul.policy',
    });
  });
});

describe('what else a request asks', () => {
  it('has to fit its policy: no more exact than the policy is', async () => {
    await router.start();
    for (const attention of ['balanced', PAGES]) {
      expect(await router.apis.overHttp('chat', { attention, quality: 'exact' })).toMatchObject({
        ...{ status: 400, code: 'quality_not_available', field: 'longhaul.quality' },
        message: expect.stringContaining('sparse'),
      });
      expect(await router.apis.overHttp('chat', { attention, quality: 'sparse' })).toBeNull();
    }
    const fields = { attention: 'fast', quality: inferenceV1.Quality.QUALITY_NEAR };
    expect(await router.apis.overGrpc(fields)).toMatchObject({ code: 'quality_not_available', field: 'quality' });
    expect(await router.apis.overHttp('chat', { quality: 'exact' })).toBeNull();
  });

  it('has to fit its policy: no drafts where lists are kept from token to token', async () => {
    await router.start();
    const speculation = { kind: 'lookup' };
    expect(await router.apis.overHttp('completions', { attention: 'balanced', speculation })).toBeNull();
    expect(await router.apis.overHttp('completions', { attention: 'fast', speculation })).toMatchObject({
      ...{ status: 400, code: 'invalid_argument', field: 'longhaul.speculation' },
      message: expect.stringContaining('fast'),
    });
    const lookup = { kind: inferenceV1.SpeculationKind.SPECULATION_KIND_LOOKUP, maxDraftTokens: undefined };
    expect(await router.apis.overGrpc({ attention: 'fast', speculation: lookup })).toMatchObject({
      field: 'speculation',
    });
  });
});

describe('a server', () => {
  it('takes what it allows, and says to everybody else what there is', async () => {
    await router.start({ attentionAllowed: ['dense', 'balanced'] });
    expect(await router.apis.overHttp('chat', { attention: 'balanced' })).toBeNull();
    const changed = [{ dense_below: 0 }, { audit: { least_recall: 0 } }].map((own) => ({ preset: 'balanced', ...own }));
    for (const attention of ['fast', PAGES, ...changed]) {
      const expected = { code: 'not_supported', message: expect.stringContaining('there is dense, balanced.') };
      expect(await router.apis.overHttp('chat', { attention })).toMatchObject({
        status: 400,
        field: 'longhaul.attention',
        ...expected,
      });
      const text = typeof attention === 'string' ? attention : JSON.stringify(attention);
      expect(await router.apis.overGrpc({ attention: text })).toMatchObject({ field: 'attention', ...expected });
    }
  });

  it('gives its default to those who do not say', async () => {
    const { backend } = await router.start({ attentionDefault: 'balanced' });
    expect(await router.apis.overHttp('chat', {})).toBeNull();
    expect(await router.apis.overGrpc({})).toBeNull();
    expect(await router.apis.overHttp('chat', { attention: 'dense' })).toBeNull();
    const presets = backend.requests.map(({ attention }) => attention);
    expect(presets).toEqual([{ preset: 'balanced' }, { preset: 'balanced' }, { preset: 'dense' }]);
  });

  it('does not start with a default that it does not allow', async () => {
    await expect(router.start({ attentionDefault: 'fast', attentionAllowed: ['dense'] })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('--attention-default: fast is not in --attention-allowed (dense)'),
    });
  });

  it('does not start with a default that the model forbids, its own or that of a tenant, and says why', async () => {
    const model = { ...MODEL, attention: { ...MODEL.attention, shape: { ...SHAPE, channels: [] } } };
    await expect(router.start({ attentionDefault: 'balanced' }, model)).rejects.toMatchObject({
      reason: 'ATTENTION_DEFAULT_IMPOSSIBLE',
      message: expect.stringMatching(/--attention-default: balanced: .*key-bounds/s),
    });
    const tenants = tenantsFile(
      { id: 'a', keys: [digest('a')] },
      { id: 'b', keys: [digest('b')], default_policy: 'fast' },
    );
    await expect(router.start({ tenants }, model)).rejects.toMatchObject({
      message: expect.stringMatching(/--tenants: tenants\[1\]\.default_policy: fast: .*key-bounds/s),
    });
    await router.start({}, model);
    expect(await router.apis.overHttp('chat', { attention: 'balanced' })).toMatchObject({
      status: 400,
      field: 'longhaul.attention',
    });
    expect(await router.apis.overHttp('chat', {})).toBeNull();
    expect(await router.apis.offeredOverHttp()).toEqual({
      default: 'dense',
      allowed: ['dense', 'custom'],
      artefacts: [],
    });
  });

  it('does not start with a default for which its steps are too small; requests for it are told by how much', async () => {
    const model = { ...MODEL, attention: { shape: SHAPE, stepPromptTokens: 127 } };
    await expect(router.start({ attentionDefault: 'balanced' }, model)).rejects.toMatchObject({
      message: expect.stringMatching(/balanced: .* 128 tokens at a time.* 127/s),
    });
    await router.start({}, model);
    expect(await router.apis.overHttp('chat', { attention: 'fast' })).toMatchObject({
      status: 400,
      field: 'longhaul.attention',
    });
    expect(await router.apis.overHttp('chat', { attention: PAGES })).toBeNull();
  });

  it('has nothing but dense where the worker does not tell what it can do', async () => {
    await router.start({}, SCRIPTED_MODEL as typeof MODEL);
    expect(await router.apis.overHttp('chat', { attention: 'dense' })).toBeNull();
    for (const attention of ['balanced', PAGES]) {
      expect(await router.apis.overHttp('chat', { attention })).toMatchObject({ status: 400, code: 'not_supported' });
    }
  });
});

describe('a tenant', () => {
  it('has what its file says, over both APIs, and its own default', async () => {
    const tenants = tenantsFile(
      { id: 'quick', keys: [digest('quick')], policies: ['dense', 'fast'], default_policy: 'fast' },
      { id: 'free', keys: [digest('free')] },
    );
    const { backend } = await router.start({ tenants });
    expect(await router.apis.overHttp('chat', {}, 'quick')).toBeNull();
    expect(await router.apis.overGrpc({}, 'quick')).toBeNull();
    expect(await router.apis.overHttp('chat', {}, 'free')).toBeNull();
    const presets = backend.requests.map(({ attention }) => attention);
    expect(presets).toEqual([{ preset: 'fast' }, { preset: 'fast' }, { preset: 'dense' }]);
    for (const attention of ['balanced', PAGES]) {
      const expected = { code: 'policy_not_allowed', message: expect.stringContaining('there is dense, fast.') };
      expect(await router.apis.overHttp('completions', { attention }, 'quick')).toMatchObject({
        ...{ status: 403, field: 'longhaul.attention' },
        ...expected,
      });
      const text = typeof attention === 'string' ? attention : JSON.stringify(attention);
      expect(await router.apis.overGrpc({ attention: text }, 'quick')).toMatchObject({
        field: 'attention',
        ...expected,
      });
      expect(await router.apis.overHttp('chat', { attention }, 'free')).toBeNull();
    }
    const offered = { default: 'fast', allowed: ['dense', 'fast'], artefacts: [] };
    expect(await router.apis.offeredOverHttp('quick')).toEqual(offered);
    expect(await router.apis.offeredOverGrpc('quick')).toEqual(offered);
    expect(await router.apis.offeredOverGrpc('free')).toEqual({
      default: 'dense',
      allowed: ['dense', 'balanced', 'fast', 'custom'],
      artefacts: [],
    });
  });

  it('says which artefacts a model has, and takes policies that need these', async () => {
    const gates = { kind: 'gates' as const, digest: 'd'.repeat(64), gates: Array.from({ length: 4 }, () => [0, 1]) };
    const shape = { ...SHAPE, artefacts: { gates } };
    await router.start({}, { ...MODEL, attention: { ...MODEL.attention, shape } });
    const attention = { plans: duoAttention() };
    expect(await router.apis.overHttp('chat', { attention })).toBeNull();
    expect(await router.apis.offeredOverHttp()).toMatchObject({ artefacts: ['gates'] });
    expect(await router.apis.offeredOverGrpc()).toMatchObject({ artefacts: ['gates'] });
  });

  it('does not stop a start quietly: what it may not have is named by its place', async () => {
    const tenants = tenantsFile({ id: 'a', keys: [digest('a')], policies: ['fast'] });
    await expect(router.start({ tenants })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('--tenants: tenants[0].policies: lack dense'),
    });
  });
});

function longList(): number[] {
  return Array.from({ length: 1024 }, (_, i) => i % 1024);
}
