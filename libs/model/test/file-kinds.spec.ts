import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { buildGguf } from '../src/fuzz/gguf-builder.js';
import { importModel, openCheckpoint, openPackage } from '../src/index.js';
import { identifySource } from '../src/checkpoint/source-identity.js';
import { copyCheckpoint, workDirectory } from './support/tiny-checkpoint.js';

let work = '';
let servers: Server[] = [];
beforeEach(async () => {
  work = await workDirectory();
});
afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  servers = [];
  await rm(work, { recursive: true, force: true });
});

/** 5 GB that take no place. */
async function sparse(path: string): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(5e9);
}

async function socketAt(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  // The path of a socket is short; a rename keeps it one.
  const short = join(work, 's');
  await new Promise<void>((resolve) => server.listen(short, resolve));
  await rename(short, path);
}

const BAD: Readonly<Record<string, (path: string) => Promise<unknown> | void>> = {
  'a directory': (path) => mkdir(path),
  'a named pipe': (path) => void execFileSync('mkfifo', [path]),
  'a link to an endless device': (path) => symlink('/dev/zero', path),
  'a link to a device that ends': (path) => symlink('/dev/null', path),
  'a socket': socketAt,
  'a link to nothing': (path) => symlink(join(work, 'nothing'), path),
  'a link to itself': (path) => symlink(path, path),
  'an empty file': (path) => writeFile(path, ''),
  'five sparse gigabytes': sparse,
  ...(process.getuid?.() === 0
    ? {}
    : { 'a file that may not be read': (path) => writeFile(path, 'x').then(() => chmod(path, 0)) }),
};

/** Refused with an error that a user can read; never accepted, never a defect. */
async function expectRefused(outcome: Promise<unknown>, name: string): Promise<void> {
  const error: unknown = await outcome.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(AppError.isInstance(error)).toBe(true);
  const { code, message } = error as AppError;
  expect(code).not.toBe('INTERNAL');
  expect(message).toContain(name);
}

const SINGLE = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'model.safetensors',
];
const SHARDED = ['model.safetensors.index.json', 'model-00002-of-00004.safetensors'];
const PACKAGE = ['manifest.json', 'tokenizer.json', 'tokenizer_config.json', 'weights.json', 'weights.bin'];

describe.each(Object.entries(BAD))('in place of a file of a checkpoint, %s', (_kind, put) => {
  it.each([...SINGLE.map((name) => ['llama', name]), ...SHARDED.map((name) => ['llama-sharded', name])])(
    'is refused (%s, %s)',
    async (model, name) => {
      const source = await copyCheckpoint(join(work, 'checkpoint'), model);
      await rm(join(source, name), { force: true });
      await put(join(source, name));
      await expectRefused(importModel({ source, out: join(work, 'out'), weights: 'int8' }), name);
    },
  );

  it('is refused as a GGUF file', async () => {
    const path = join(work, 'm.gguf');
    await put(path);
    await expectRefused(openCheckpoint(path), 'm.gguf');
  });

  it.each(PACKAGE)('is refused in a package (%s)', async (name) => {
    const out = join(work, 'out');
    await importModel({ source: await copyCheckpoint(join(work, 'checkpoint')), out, weights: 'int8' });
    await rm(join(out, name));
    await put(join(out, name));
    await expectRefused(openPackage(out, { verify: true }), name);
  });

  it('never hangs the identity of a source', async () => {
    const source = await copyCheckpoint(join(work, 'checkpoint'));
    await rm(join(source, 'tokenizer.json'));
    await put(join(source, 'tokenizer.json'));
    await identifySource(source).catch((error: unknown) => expect(AppError.isInstance(error)).toBe(true));
  });
});

describe('links', () => {
  it('may lead outside of the checkpoint, as those of a hub cache do', async () => {
    const blobs = await copyCheckpoint(join(work, 'blobs'));
    const snapshot = join(work, 'snapshot');
    await mkdir(snapshot);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      await symlink(join('..', 'blobs', name), join(snapshot, name));
    }
    const out = join(work, 'out');
    await importModel({ source: snapshot, out, weights: 'int8' });
    expect((await openPackage(out, { verify: true })).manifest.family).toBe('llama');
    expect(blobs).toBeTruthy();
  });
});

describe('a GGUF file', () => {
  it('that is cut short says so', async () => {
    const path = join(work, 'm.gguf');
    const whole = buildGguf({ metadata: { 'general.architecture': { text: 'llama' } }, tensors: [] });
    await writeFile(path, whole.subarray(0, whole.length - 3));
    await expect(openCheckpoint(path)).rejects.toMatchObject({ message: expect.stringContaining('cut short') });
  });
});
