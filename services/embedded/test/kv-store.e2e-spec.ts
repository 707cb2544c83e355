import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { deriveNamespaceKey, namespaceId, parseTenantSecret } from '@longhaul/kv-core';
import { createKvStoreServer, kvStoreSettings, openLocalStore } from '@longhaul/kv-store';
import { mintCapability, type CapabilityClaims } from '@longhaul/kv-wire';
import { loadConfig } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { createTestAuthority, NEEDLE_3M, needleDocument, passKeyQuestion, type TestIdentity } from '@longhaul/testing';
import { post } from './support/api.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

const BLOCK_TOKENS = 64;

let packages: PackageFolder;
let needle = '';
let kvDir = '';
const document = needleDocument(900, 2, 11);
const question = `${document.text}\n${passKeyQuestion(document.passKeys[0]?.name ?? '')}`;

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterAll(() => packages.remove());
beforeEach(async () => {
  kvDir = await mkdtemp(join(tmpdir(), 'longhaul-kv-'));
});
afterEach(() => rm(kvDir, { recursive: true, force: true }));

const start = (...flags: string[]): Promise<Served> => serve(needle, { kvTokens: 4096, flags });
const local = (...flags: string[]): Promise<Served> => start('--kv-dir', kvDir, ...flags);

interface Answer {
  text: string;
  promptTokens: number;
  cachedTokens: number;
}

interface Completion {
  choices: { message: { content: string } }[];
  usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
}

async function ask({ url, model }: Served, extra: Record<string, unknown> = {}): Promise<Answer> {
  const messages = [{ role: 'user', content: question }];
  const request = { model, messages, temperature: 0, max_tokens: 24, ...extra };
  const { body } = await post<Completion>(`${url}/v1/chat/completions`, request);
  return {
    text: body.choices[0]?.message.content ?? '',
    promptTokens: body.usage.prompt_tokens,
    cachedTokens: body.usage.prompt_tokens_details.cached_tokens,
  };
}

/** One question to a server of its own. */
async function once(served: Promise<Served>, extra: Record<string, unknown> = {}): Promise<Answer> {
  const server = await served;
  try {
    return await ask(server, extra);
  } finally {
    await server.close();
  }
}

const fullBlocks = ({ promptTokens }: Answer): number => Math.floor(promptTokens / BLOCK_TOKENS) * BLOCK_TOKENS;

describe.each(['bf16', 'f32', 'int8'])('a restart, KV in %s', (dtype) => {
  it('keeps prefixes and changes no word', async () => {
    const flags = ['--kv-cache-dtype', dtype];
    const off = await once(start('--kv-store', 'off', ...flags));
    const cold = await once(local(...flags));
    const warm = await once(local(...flags));
    expect([off.cachedTokens, cold.cachedTokens, warm.cachedTokens]).toEqual([0, 0, fullBlocks(off)]);
    expect([cold.text, warm.text]).toEqual([off.text, off.text]);
    expect(off.text).toContain(document.passKeys[0]?.key);
  });
});

describe('stored KV', () => {
  it.each(['f32', 'int8'])('is of one kind: %s does not find it', async (dtype) => {
    await once(local());
    expect((await once(local('--kv-cache-dtype', dtype))).cachedTokens).toBe(0);
  });

  it('is of one rollout', async () => {
    await once(local());
    expect((await once(local('--kv-deploy-epoch', '1'))).cachedTokens).toBe(0);
  });

  it('is of one tenant: the same prompt with another salt finds none of it', async () => {
    const first = await once(local(), { cache_salt: 'a' });
    const other = await once(local(), { cache_salt: 'b' });
    expect(other.cachedTokens).toBe(0);
    expect(other.text).toBe(first.text);
    expect((await once(local(), { cache_salt: 'a' })).cachedTokens).toBe(fullBlocks(first));
  });

  it('that was damaged on disk is computed again, and nobody notices', async () => {
    const sound = await once(local());
    await flipBits(kvDir, 40);
    const after = await once(local());
    expect(after.text).toBe(sound.text);
    expect(after.cachedTokens).toBeLessThan(fullBlocks(sound));
    const repaired = await once(local());
    expect([repaired.text, repaired.cachedTokens]).toEqual([sound.text, fullBlocks(sound)]);
  });

  it('is protected by a secret that only its owner can read', async () => {
    await once(local());
    const { mode, size } = await stat(join(kvDir, 'tenant-secret'));
    expect([mode & 0o777, size]).toEqual([0o600, 32]);
  });
});

describe('the metrics', () => {
  it('tell computed, pooled and loaded tokens apart, and time the store', async () => {
    await once(local());
    const server = await local();
    const loaded = fullBlocks(await ask(server));
    const again = await ask(server);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    await server.close();
    const sample = (name: string, labels: string): number => {
      const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(labels));
      return Number(line?.split(' ').at(-1));
    };
    const source = (name: string) => sample('vllm:prompt_tokens_by_source_total', `source="${name}"`);
    expect(source('external_kv_transfer')).toBeGreaterThanOrEqual(loaded);
    expect(source('local_cache_hit')).toBeGreaterThanOrEqual(again.cachedTokens);
    expect(sample('longhaul_kv_tier_writable', 'tier="disk"')).toBe(1);
    expect(sample('longhaul_kv_operation_duration_seconds_count', 'operation="lookup"')).toBeGreaterThanOrEqual(1);
    expect(sample('longhaul_kv_operation_duration_seconds_count', 'operation="get"')).toBeGreaterThanOrEqual(1);
    expect(sample('longhaul_kv_operation_duration_seconds_count', 'operation="put"')).toBeGreaterThanOrEqual(1);
    expect(sample('vllm:cache_config_info', 'block_size="16"')).toBe(1);
    expect(sample('vllm:request_time_per_output_token_seconds_count', '')).toBeGreaterThanOrEqual(1);
  });
});

describe('a directory that is in use', () => {
  it('is left to its owner: the second server serves without', async () => {
    const first = await local();
    const second = await local();
    expect(second.server.local.engine.storeActivity()).toBeNull();
    const [a, b] = [await ask(first), await ask(second)];
    expect(b.text).toBe(a.text);
    await second.close();
    await first.close();
    expect((await once(local())).cachedTokens).toBe(fullBlocks(a));
  });
});

/** A kv-store service in memory, on free loopback ports. */
async function startStore(...flags: string[]): Promise<{ readonly grpcPort: number; close(): Promise<void> }> {
  const ports = ['--grpc-port', '0', '--data-port', '0', '--port', '0'];
  const config = loadConfig(kvStoreSettings, { argv: [...flags, ...ports], env: {} });
  const [log, health] = [new EventLog('test', 'silent'), new HealthModel()];
  const local = await openLocalStore(config, { log, owner: 'test' });
  const telemetry = startTelemetry({ serviceName: 'test', env: {} });
  const { store, checksum } = local;
  const server = await createKvStoreServer(config, { store, checksum, telemetry, log, health });
  return {
    grpcPort: server.grpcPort,
    close: async () => {
      await server.close();
      await local.close();
      await telemetry.shutdown();
    },
  };
}

describe('a kv-store service', () => {
  it('gives what one server has computed to another; without it they serve on', async () => {
    const store = await startStore();
    const patient = ['--kv-lookup-timeout-ms', '30000'];
    const shared = ['--kv-store', `127.0.0.1:${store.grpcPort}`, '--kv-tenant-secret', 'a secret of two servers'];
    const flags = [...shared, ...patient];
    const first = await once(start(...flags));
    expect(first.cachedTokens).toBe(0);
    const second = await start(...flags);
    expect((await ask(second)).cachedTokens).toBe(fullBlocks(first));
    await store.close();
    const gone = await ask(second, { cache_salt: 'new' });
    expect([gone.cachedTokens, gone.text]).toEqual([0, first.text]);
    await second.close();
  });
});

describe('a kv-store service that wants certificates and capabilities', () => {
  const plane = generateKeyPairSync('ed25519');
  const authority = createTestAuthority();
  const closing: (() => Promise<unknown>)[] = [];
  let flags: string[];

  /** Writes into the test's directory; returns the path. */
  const file = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(kvDir, name), content, { mode: 0o600 });
    return join(kvDir, name);
  };
  const identityFlags = async (prefix: string, { ca, cert, key }: TestIdentity): Promise<string[]> => [
    ...[`--${prefix}tls-ca`, await file(`${prefix}ca.crt`, ca)],
    ...[`--${prefix}tls-cert`, await file(`${prefix}tls.crt`, cert)],
    ...[`--${prefix}tls-key`, await file(`${prefix}tls.key`, key)],
  ];
  const claims = (more: Partial<CapabilityClaims> = {}): CapabilityClaims => ({
    ...{ tenant: '', namespaceId: new Uint8Array(32), rights: ['read', 'write', 'operate'] },
    ...{ issuedUnixMs: 1, expiresUnixMs: Date.now() + 3_600_000, ...more },
  });
  const holding = async (name: string, granted: CapabilityClaims): Promise<Served> =>
    start(...flags, '--kv-capability-file', await file(name, mintCapability(granted, plane.privateKey)));

  beforeEach(async () => {
    const keys = await file('plane.pub', plane.publicKey.export({ type: 'spki', format: 'pem' }));
    const store = await startStore('--capability-keys', keys, ...(await identityFlags('', authority.issue('store'))));
    closing.push(() => store.close());
    const identity = await identityFlags('kv-', authority.issue('worker'));
    flags = ['--kv-store', `127.0.0.1:${store.grpcPort}`, '--kv-tenant-secret', 'a secret of two servers', ...identity];
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  it('serves who shows them, for all namespaces or for the one that is named', async () => {
    const first = await once(holding('all.cap', claims()), { cache_salt: 'a' });
    expect((await once(holding('all.cap', claims()), { cache_salt: 'a' })).cachedTokens).toBe(fullBlocks(first));
    const secret = parseTenantSecret('a secret of two servers');
    const ofSaltA = namespaceId(deriveNamespaceKey(secret, 'public', 'a'));
    const one = await holding('one.cap', claims({ tenant: 'public', namespaceId: ofSaltA, rights: ['read'] }));
    closing.unshift(() => one.close());
    const other = await ask(one, { cache_salt: 'b' });
    expect([other.cachedTokens, other.text]).toEqual([0, first.text]);
    expect((await ask(one, { cache_salt: 'a' })).cachedTokens).toBe(fullBlocks(first));
  });

  it('is done without by who shows none that it accepts', async () => {
    const first = await once(holding('all.cap', claims()));
    const expired = await once(holding('expired.cap', claims({ expiresUnixMs: 2 })));
    const bare = await once(start(...flags));
    for (const { cachedTokens, text } of [expired, bare]) expect([cachedTokens, text]).toEqual([0, first.text]);
  });
});

/** Flips single bits all over what is written in the files of a directory. */
async function flipBits(directory: string, count: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== 'tenant-secret' && !name.includes('lock'));
  for (const name of names) {
    const bytes = await readFile(join(directory, name));
    const pages = Array.from({ length: Math.floor(bytes.length / 4096) }, (_, page) => 4096 * page);
    const written = pages.filter((at) => bytes.readUInt32LE(at + 64) !== 0 || bytes.readUInt32LE(at) !== 0);
    const file = await open(join(directory, name), 'r+');
    for (let i = 0; i < count && written.length > 0; i++) {
      const at = (written[Math.floor((written.length * i) / count)] ?? 0) + ((i * 997) % 4096);
      await file.write(Buffer.of((bytes[at] ?? 0) ^ (1 << (i % 8))), 0, 1, at);
    }
    await file.close();
  }
}
