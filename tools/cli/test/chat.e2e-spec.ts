import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmbeddedServer, embeddedSettings, type EmbeddedServer } from '@longhaul/embedded';
import { importModel } from '@longhaul/model';
import { loadConfig } from '@longhaul/platform-config';
import { NEEDLE_3M, needleDocument, passKeyQuestion } from '@longhaul/testing';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const CLI = resolve(import.meta.dirname, '../dist/main.js');

let folder: string;
let server: EmbeddedServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-chat-'));
  const out = join(folder, 'needle-3m');
  await importModel({ source: NEEDLE_3M, out, weights: 'int8', name: 'needle-3m' });
  const argv = [
    '--model',
    out,
    '--port',
    '0',
    '--log-level',
    'silent',
    '--kv-store',
    'off',
    '--kv-cache-tokens',
    '4096',
    '--max-model-len',
    '4096',
  ];
  server = await createEmbeddedServer(loadConfig(embeddedSettings, { argv, env: {} }));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Chat {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Pieces in which the answer came. */
  pieces: number;
}

/** Runs `longhaul chat` with these lines as its input. */
function chat(lines: readonly string[], flags: readonly string[] = []): Promise<Chat> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [CLI, 'chat', '--url', server.url, ...flags], { env });
  const result: Chat = { code: null, stdout: '', stderr: '', pieces: 0 };
  child.stdout.on('data', (data: Buffer) => {
    result.stdout += data.toString();
    result.pieces += 1;
  });
  child.stderr.on('data', (data: Buffer) => (result.stderr += data.toString()));
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  return new Promise((settle) => child.on('close', (code) => settle({ ...result, code })));
}

describe('longhaul chat', () => {
  const { text, passKeys } = needleDocument(120, 1, 5);
  const question = `${text.replaceAll('\n', ' ')} ${passKeyQuestion(passKeys[0]?.name ?? '')}`;

  it('streams the answer to a line, and leaves at /exit without reading on', async () => {
    const said = await chat([question, '/exit', 'not read'], ['--temperature', '0']);
    expect(said.code).toBe(0);
    expect(said.stderr).toContain('Talking to needle-3m.');
    expect(said.stdout).toContain(passKeys[0]?.key);
    expect(said.pieces).toBeGreaterThan(2);
    expect(said.stderr).not.toContain('Error');
  });

  it('leaves at the end of its input', async () => {
    expect(await chat([])).toMatchObject({ code: 0, stdout: '' });
  });

  it('tells what the server refuses, forgets it and goes on', async () => {
    const said = await chat(['x '.repeat(40_000), question, ''], ['--temperature', '0']);
    expect(said.stderr).toMatch(/Error: 400 .*context/);
    expect(said.stdout).toContain(passKeys[0]?.key);
    expect(said.code).toBe(1);
  });

  it('refuses a temperature out of range, and a server that is not there', async () => {
    expect(await chat([], ['--temperature', 'warm'])).toMatchObject({ code: 1, stdout: '' });
    const gone = await chat([], ['--url', 'http://127.0.0.1:1']);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('No server answers at http://127.0.0.1:1');
  });
});
