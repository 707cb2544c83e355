import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { NEEDLE_3M, needleDocument } from '@longhaul/testing';
import { post } from './support/api.js';
import { startService } from './support/child-service.js';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

const KV_TOKENS = 512;
const CONTEXT = 4096;

let packages: PackageFolder;
let needle = '';
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  const flags = ['--max-model-len', String(CONTEXT), '--stall-timeout-ms', '300'];
  served = await serve(needle, { kvTokens: KV_TOKENS, flags });
});
afterAll(async () => {
  await served?.close();
  await packages.remove();
});

describe('a request that cannot be served', () => {
  afterEach(async () => {
    const { status } = await post(`${served.url}/v1/completions`, { prompt: 'The river', max_tokens: 4 });
    expect(status).toBe(200);
    expect(served.server.router.held().requests).toBe(0);
  });

  it('because the pool is too small names what it needs and what there is', async () => {
    const { status, body } = await post(`${served.url}/v1/completions`, { prompt: ids(600), max_tokens: 100 });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: {
        type: 'invalid_request_error',
        code: 'kv_capacity_exceeded',
        param: 'max_tokens',
        message: expect.stringContaining(`the pool holds ${KV_TOKENS}`),
        details: { capacityTokens: KV_TOKENS },
      },
    });
  });

  it('because the context is too short names the three numbers', async () => {
    for (const [prompt, maxTokens] of [
      [5000, 1],
      [100, CONTEXT],
    ] as const) {
      const { status, body } = await post(`${served.url}/v1/completions`, {
        prompt: ids(prompt),
        max_tokens: maxTokens,
      });
      expect(status).toBe(400);
      const details = { contextLength: CONTEXT, promptTokens: prompt, maxTokens };
      expect(body).toMatchObject({ error: { code: 'context_length_exceeded', details } });
    }
  });

  it('because a huge text is beyond every limit is refused, not truncated', async () => {
    const messages = [{ role: 'user' as const, content: needleDocument(100_000, 1, 1).text }];
    await expect(served.client.chat.completions.create({ model: served.model, messages })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
  });

  it('because its client stops reading is dropped, and its pages are free again', async () => {
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'The river' }],
      ...{ stream: true, n: 4, max_tokens: 4000, ignore_eos: true, logprobs: true, top_logprobs: 20 },
    });
    const roomy = await serve(needle, { kvTokens: 16_384, flags: ['--stall-timeout-ms', '300'] });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    const socket = connect(roomy.server.httpPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    await new Promise((resolve) => socket.once('readable', resolve));
    await eventually(async () => (await metricsOf(roomy)).includes('clients_total{reason="STALLED"} 1'));
    await eventually(() => roomy.server.local.engine.snapshot().running.length === 0);
    const { pages, limits } = roomy.server.local.engine.snapshot();
    expect(pages.free.length + pages.idle).toBe(limits.pages);
    socket.destroy();
    await roomy.close();
  });
});

describe('a server that cannot start', () => {
  it('because its port is in use says so and frees everything', async () => {
    const port = String(served.server.httpPort);
    const failure = await failureOf(serve(needle, { kvTokens: KV_TOKENS, port }));
    expect(failure.reason).toBe('ADDRESS_IN_USE');
    const child = await startService('embedded', ['--model', needle, '--kv-cache-tokens', '512', '--port', port]);
    expect(child).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^longhaul: Port \d+ .*in use/),
    });
  });

  it('because the pool would not fit into memory says what would', async () => {
    const failure = await failureOf(serve(needle, { kvTokens: 2 ** 40 }));
    expect(failure).toMatchObject({ reason: 'OUT_OF_MEMORY', code: 'RESOURCE_EXHAUSTED' });
    expect(failure.message).toMatch(/lower --kv-cache-tokens/);
  });

  it.each<[string, (dir: string) => Promise<void>, string, RegExp]>([
    ['the manifest is empty', (dir) => truncate(join(dir, 'manifest.json')), 'PACKAGE_CORRUPT', /manifest\.json/],
    ['the manifest has one other byte', flipFingerprint, 'PACKAGE_CORRUPT', /does not match its fingerprint/],
    ['the weights are cut', cutWeights, 'PACKAGE_CORRUPT', /weights\.bin has \d+ bytes instead of \d+/],
    [
      'the package is of another version',
      otherVersion,
      'PACKAGE_VERSION',
      /has version 1, this release reads version 2; make it anew: `longhaul model prepare/,
    ],
    ['the index of the weights is none', scramble('weights.json'), 'PACKAGE_CORRUPT', /weights\.json/],
    ['the tokenizer is none', scramble('tokenizer.json'), '', /tokenizer/i],
  ])('because %s says which file', async (title, damage, reason, message) => {
    const dir = join(packages.dir, title.replaceAll(' ', '-'));
    await cp(needle, dir, { recursive: true });
    await damage(dir);
    const failure = await failureOf(serve(dir, { kvTokens: KV_TOKENS }));
    if (reason) expect(failure.reason).toBe(reason);
    expect(failure.message).toMatch(message);
  });
});

function ids(count: number): number[] {
  return Array.from({ length: count }, (_, at) => 300 + (at % 100));
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function metricsOf({ url }: Served): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

async function failureOf(starting: Promise<Served>): Promise<AppError> {
  const outcome = await starting.catch((error: unknown) => error);
  if (AppError.isInstance(outcome)) return outcome;
  throw outcome instanceof Error ? outcome : new Error('the server started');
}

async function editManifest(dir: string, edit: (text: string) => string): Promise<void> {
  const path = join(dir, 'manifest.json');
  await writeFile(path, edit(await readFile(path, 'utf8')));
}

function flipFingerprint(dir: string): Promise<void> {
  return editManifest(dir, (text) =>
    text.replace(/("fingerprint": ?")(.)/, (_, key: string, digit: string) => `${key}${digit === '0' ? '1' : '0'}`),
  );
}

function otherVersion(dir: string): Promise<void> {
  return editManifest(dir, (text) => text.replace(/"version": ?2\b/, '"version": 1'));
}

async function cutWeights(dir: string): Promise<void> {
  await truncate(join(dir, 'weights.bin'), 100_000);
}

/** Other contents of the same size, which only loading can find out. */
function scramble(name: string): (dir: string) => Promise<void> {
  return async (dir) => {
    const path = join(dir, name);
    await writeFile(path, Buffer.alloc((await readFile(path)).length, 0x2a));
  };
}
