import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M } from '@longhaul/testing';
import { copyFile, open, readdir, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startedService, startService, type ChildService } from './support/child-service.js';
import { PackageFolder } from './support/packages.js';

const POOL = ['--kv-cache-tokens', '4096'];
/** Long enough that a test which waits for it fails by its own timeout. */
const LONG_DRAIN = ['--drain-timeout-ms', '600000'];

let packages: PackageFolder;
let needle: string;
const running: ChildService[] = [];

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterEach(async () => {
  for (const service of running.splice(0).reverse()) await service.stop();
});
afterAll(() => packages.remove());

async function start(name: string, flags: readonly string[]): Promise<ChildService> {
  const service = await startedService(name, ['--port', '0', ...flags]);
  running.push(service);
  return service;
}

function urlOf({ readyLine }: ChildService): string {
  return /http:\S+/.exec(readyLine)?.[0] ?? '';
}

function completion(url: string, fields: object): Promise<Response> {
  const body = JSON.stringify({ prompt: 'The river', temperature: 0, ignore_eos: true, ...fields });
  return fetch(`${url}/v1/completions`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}

describe('a stop signal', () => {
  it('lets running requests end, refuses new ones meanwhile, and ends with code 0', async () => {
    const service = await start('embedded', ['--model', needle, ...POOL, ...LONG_DRAIN]);
    const url = urlOf(service);
    const stream = await completion(url, { max_tokens: 400, stream: true });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? '';
    const stopped = service.stop();
    let refused = await completion(url, { max_tokens: 1 });
    while (refused.status === 200) refused = await completion(url, { max_tokens: 1 });
    expect(refused.status).toBe(503);
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value;
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(await stopped).toBe(0);
  });

  it('ends what outlives the drain timeout with a clear error', async () => {
    const service = await start('embedded', ['--model', needle, ...POOL, '--drain-timeout-ms', '50']);
    const stream = await completion(urlOf(service), { max_tokens: 4000, stream: true });
    const stopped = service.stop();
    const text = await stream.text();
    expect(text).toContain('"code":"shutting_down"');
    expect(text).not.toContain('[DONE]');
    expect(await stopped).toBe(0);
  });

  it('ends a worker at once when all that is left is a router that watches it', async () => {
    const worker = await start('decode-worker', ['--grpc-port', '0', '--model', needle, ...POOL, ...LONG_DRAIN]);
    const address = /at (\S+) \(gRPC\)/.exec(worker.readyLine)?.[1] ?? '';
    const router = await start('router', ['--grpc-port', '0', '--worker', address]);
    expect((await completion(urlOf(router), { max_tokens: 2 })).status).toBe(200);
    expect(await worker.stop()).toBe(0);
    let health = await fetch(`${urlOf(router)}/health`);
    while (health.status === 200) health = await fetch(`${urlOf(router)}/health`);
    expect(await health.json()).toMatchObject({ checks: { model: { up: false } } });
    expect((await completion(urlOf(router), { max_tokens: 2 })).status).toBe(503);
  });
});

describe('damaged weights', () => {
  async function damagedPackage(): Promise<string> {
    const copy = join(packages.dir, 'damaged');
    await mkdir(copy, { recursive: true });
    for (const file of await readdir(needle)) await copyFile(join(needle, file), join(copy, file));
    const weights = await open(join(copy, 'weights.bin'), 'r+');
    const { size } = await weights.stat();
    const byte = Buffer.alloc(1);
    await weights.read(byte, 0, 1, size >> 1);
    await weights.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, size >> 1);
    await weights.close();
    return copy;
  }

  it('end the service with a message that names the file, unless the check is off', async () => {
    const copy = await damagedPackage();
    const flags = ['--port', '0', '--model', copy, ...POOL];
    const service = await startService('embedded', flags);
    const { exitCode, stderr } = 'ended' in service ? await service.ended : service;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/weights\.bin has other contents; import the model again/);
    const unchecked = await start('embedded', ['--no-verify-weights', '--model', copy, ...POOL]);
    expect((await fetch(`${urlOf(unchecked)}/health`)).status).toBe(200);
  });
});
