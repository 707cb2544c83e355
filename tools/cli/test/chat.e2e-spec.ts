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
  const argv = serverFlags();
  server = await createEmbeddedServer(loadConfig(embeddedSettings, { argv, env: {} }));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

function serverFlags(): string[] {
  const model = ['--model', join(folder, 'needle-3m'), '--max-model-len', '4096', '--kv-cache-tokens', '4096'];
  return [...model, '--port', '0', '--log-level', 'silent', '--kv-store', 'off'];
}

interface Chat {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Pieces in which the answer came. */
  pieces: number;
}

/** Runs `longhaul chat` with these lines as its input. */
function chat(
  lines: readonly string[],
  flags: readonly string[] = [],
  variables: NodeJS.ProcessEnv = {},
): Promise<Chat> {
  const env = { ...process.env, NODE_OPTIONS: '', LONGHAUL_API_KEY: '', ...variables };
  const child = spawn(
    process.execPath,
    [CLI, 'chat', ...(flags.includes('--url') ? [] : ['--url', server.url]), ...flags],
    { env },
  );
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

  it('takes the address as clients of OpenAI have it, and says which model is served when another is asked for', async () => {
    expect(await chat([], ['--url', `${server.url}/v1/`, '--model', 'needle-3m'])).toMatchObject({ code: 0 });
    const other = await chat([question], ['--model', 'nope']);
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain(`The server at ${server.url} serves needle-3m, not nope.`);
  });

  it('handles its commands itself and sends texts of several lines as one', async () => {
    const [documentText = '', ask = ''] = [text, passKeyQuestion(passKeys[0]?.name ?? '')];
    const lines = ['/help', '/frob', '"""', documentText, ask, '"""'];
    const said = await chat(lines, ['--temperature', '0']);
    expect(said.code).toBe(0);
    expect(said.stderr).toContain('/clear');
    expect(said.stderr).toContain('There is no command /frob.');
    expect(said.stdout).toContain(passKeys[0]?.key);
    expect(said.stdout.trim().split('\n')).toHaveLength(1);
  });
});

describe('longhaul chat with a server that asks for a key', () => {
  let keyed: EmbeddedServer;
  beforeAll(async () => {
    const argv = [...serverFlags(), '--api-key', 'k3y'];
    keyed = await createEmbeddedServer(loadConfig(embeddedSettings, { argv, env: {} }));
  });
  afterAll(() => keyed?.close());

  it('says what is missing or wrong, and takes the key from a flag or a variable', async () => {
    const url = ['--url', keyed.url];
    expect((await chat([], url)).stderr).toContain('asks for an API key: give it with --api-key or LONGHAUL_API_KEY.');
    expect((await chat([], [...url, '--api-key', 'other'])).stderr).toContain('refuses the API key');
    expect(await chat(['Hello'], [...url, '--api-key', 'k3y', '--temperature', '0'])).toMatchObject({ code: 0 });
    expect(await chat(['Hello'], url, { LONGHAUL_API_KEY: 'k3y' })).toMatchObject({ code: 0 });
  });
});
