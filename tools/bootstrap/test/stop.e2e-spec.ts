import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M } from '@longhaul/testing';
import { killGroup, startCommand, type Started } from './support/npm-run.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-stop-'));
const model = join(folder, 'needle-3m');
const FLAGS = ['--port', '0', '--kv-store', 'off', '--kv-cache-tokens', '4096', '--log-level', 'silent'];
const NPM_START = ['npm', 'start', '--', '--model', model, ...FLAGS];
const RUN_SERVE = ['npm', 'run', 'longhaul', '--', 'serve', '--model', model, ...FLAGS];
/** A shell that puts the command into the background and waits for it, as scripts do; $! is its process. */
const IN_SHELL = ['sh', '-c', '"$@" & echo "started as $!"; wait $!', 'sh', ...NPM_START];
const onLinux = process.platform === 'linux' ? it : it.skip;

const running: Started[] = [];

beforeAll(async () => {
  await importModel({ source: NEEDLE_3M, out: model, weights: 'int8', name: 'needle-3m' });
});
afterEach(() => running.splice(0).forEach(killGroup));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(command: readonly string[]): Promise<Started> {
  const started = await startCommand(command);
  running.push(started);
  return started;
}

/** An answer that is under way; the promise holds the rest of its text. */
async function openStream(url: string): Promise<Promise<string>> {
  const body = JSON.stringify({ prompt: 'The river', max_tokens: 300, stream: true, ignore_eos: true });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  await reader?.read();
  return (async () => {
    let text = '';
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value;
    return text;
  })();
}

/** The answer under way comes to its end, and then nothing is left of all that was started. */
async function isDrained(started: Started, stop: () => void): Promise<void> {
  const rest = await openStream(started.url);
  stop();
  expect((await rest).endsWith('data: [DONE]\n\n')).toBe(true);
  await started.gone;
}

describe('a server that was started with npm', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('drains and ends, and npm with code 0, when npm gets %s', async (signal) => {
    const started = await start(NPM_START);
    await isDrained(started, () => started.child.kill(signal));
    expect(started.child.exitCode).toBe(0);
  });

  it('drains once when a terminal sends Ctrl-C to all of its processes at once', async () => {
    const started = await start(NPM_START);
    await isDrained(started, () => process.kill(-(started.child.pid ?? 0), 'SIGINT'));
    expect(started.child.exitCode).toBe(0);
  });

  it.each(['SIGHUP', 'SIGKILL'] as const)('drains and ends when npm dies of %s', async (signal) => {
    const started = await start(NPM_START);
    await isDrained(started, () => started.child.kill(signal));
  });

  it('drains and ends when it runs as a command of `npm run`', async () => {
    const started = await start(RUN_SERVE);
    await isDrained(started, () => started.child.kill('SIGTERM'));
    expect(started.child.exitCode).toBe(0);
  });

  onLinux.each([
    ['npm', 'SIGTERM'],
    ['bootstrap', 'SIGTERM'],
    ['bootstrap', 'SIGHUP'],
    ['bootstrap', 'SIGKILL'],
    ['server', 'SIGTERM'],
  ] as const)('drains and ends, in the background of a shell, when its %s gets %s', async (part, signal) => {
    const started = await start(IN_SHELL);
    await isDrained(started, () => process.kill(started.pidOf(part), signal));
  });
});

describe('a server in its end', () => {
  it('goes on with it when the same signal comes on several ways', async () => {
    const started = await start(NPM_START);
    const rest = await openStream(started.url);
    for (let count = 0; count < 5; count++) started.child.kill('SIGTERM');
    expect((await rest).endsWith('data: [DONE]\n\n')).toBe(true);
    await started.gone;
    expect(started.child.exitCode).toBe(0);
  });
});
