import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NEEDLE_3M, needleDocument } from '@longhaul/testing';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

let packages: PackageFolder;
let needle = '';
let folder = '';

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  folder = await mkdtemp(join(tmpdir(), 'longhaul-tenants-'));
});
afterAll(async () => {
  await packages.remove();
  await rm(folder, { recursive: true, force: true });
});

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

/** A server over the one KV directory, with the keys of each tenant. */
async function start(keysByTenant: Readonly<Record<string, readonly string[]>>): Promise<Served> {
  const tenants = Object.entries(keysByTenant).map(([id, keys]) => ({ id, keys: keys.map(digest) }));
  const path = join(folder, 'tenants.json');
  await writeFile(path, JSON.stringify({ tenants }));
  return serve(needle, { kvTokens: 2048, flags: ['--kv-dir', join(folder, 'kv'), '--tenants', path] });
}

async function cachedTokens({ url, model }: Served, key: string, longhaul: object = {}): Promise<number> {
  const body = { model, prompt: needleDocument(500, 1, 3).text, max_tokens: 1, temperature: 0, longhaul };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) return -response.status;
  const { usage } = (await response.json()) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
  return usage.prompt_tokens_details.cached_tokens;
}

describe('KV of a tenant', () => {
  it('is found under all of its keys, by nobody else, and outlives a rotated key', async () => {
    const first = await start({ team: ['old', 'new'], other: ['other'] });
    try {
      expect(await cachedTokens(first, 'old')).toBe(0);
      expect(await cachedTokens(first, 'new')).toBeGreaterThan(400);
      expect(await cachedTokens(first, 'other')).toBe(0);
      expect(await cachedTokens(first, 'new', { attention: 'dense', quality: 'exact' })).toBeGreaterThan(400);
    } finally {
      await first.close();
    }
    const second = await start({ team: ['new', 'newest'], third: ['third'] });
    try {
      expect(await cachedTokens(second, 'old')).toBe(-401);
      expect(await cachedTokens(second, 'third')).toBe(0);
      expect(await cachedTokens(second, 'newest')).toBeGreaterThan(400);
    } finally {
      await second.close();
    }
  });
});
