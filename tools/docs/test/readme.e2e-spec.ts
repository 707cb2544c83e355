import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M, startServerProcess } from '@longhaul/testing';
import { ROOT } from './repository-files.js';
import { blocksOf, commandsOf, invocationOf, type Block } from './shell-blocks.js';

/** How a block of the README is tried. A new block has to be added here, by somebody who has looked at it. */
type Trial = 'run against a server' | 'run as processes' | 'scripts and flags';

const TRIALS: readonly (readonly [begins: string, trial: Trial])[] = [
  // These are this very run, and the start that other specs make from a shell.
  ['npm start    #', 'scripts and flags'],
  ['npm start -- --model <', 'scripts and flags'],
  ['curl -N http://127.0.0.1:8000/v1/chat/completions', 'run against a server'],
  // What a terminal showed: minutes of computing, and their output.
  ['$ npm run demo -- --model needle-3m', 'scripts and flags'],
  ['$ npm start -- --model needle-3m', 'scripts and flags'],
  ['npm run build\n', 'run as processes'],
];

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const blocks = blocksOf(readme).filter(({ language, text }) => language === 'sh' || text.startsWith('$ '));
const tried = (trial: Trial) =>
  blocks.filter(({ text }) => TRIALS.some(([begins, kind]) => kind === trial && text.startsWith(begins)));

const folder = mkdtempSync(join(tmpdir(), 'longhaul-readme-'));
const running: ChildProcess[] = [];
afterEach(() => running.splice(0).forEach(killGroup));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As in a terminal of a user's: nothing of the runner of the tests. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name));
  return { ...Object.fromEntries(inherited), LONGHAUL_HOME: join(folder, 'home') };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

describe('the README', () => {
  it('has no shell block without a trial, and no trial without its block', () => {
    const without = blocks.filter(({ text }) => !TRIALS.some(([begins]) => text.startsWith(begins)));
    expect(without.map(({ text }) => text)).toEqual([]);
    const unused = TRIALS.filter(([begins]) => !blocks.some(({ text }) => text.startsWith(begins)));
    expect(unused).toEqual([]);
  });

  it.each(tried('scripts and flags').flatMap(commandsOf))(
    'shows a command that there is, with flags that it has: %s',
    (command) => {
      const invocation = invocationOf(command);
      if (invocation === null) throw new Error('nothing of this repository');
      const { script, words } = invocation;
      const name = script === 'start' ? ['serve'] : script === 'longhaul' ? words.slice(0, 1) : [script];
      if (script === 'test') return;
      const help = spawnSync(process.execPath, [join(ROOT, 'tools/cli/dist/main.js'), ...name, '--help'], {
        encoding: 'utf8',
      });
      expect(help.status).toBe(0);
      for (const flag of words.filter((word) => word.startsWith('--'))) expect(help.stdout).toContain(flag);
    },
  );

  it('asks a server with the line that it shows', async () => {
    const model = join(folder, 'model');
    await importModel({ source: NEEDLE_3M, out: model, weights: 'int8', name: 'smollm2-135m-instruct' });
    const flags = ['--model', model, '--port', '0', '--kv-store', 'off', '--log-level', 'silent'];
    const program = [join(ROOT, 'services/embedded/dist/main.js')];
    const server = await startServerProcess({
      program,
      flags: [...flags, '--kv-cache-tokens', '4096', '--max-model-len', '4096'],
    });
    try {
      for (const { text } of tried('run against a server')) {
        const script = text.replaceAll('http://127.0.0.1:8000', server.url);
        const { code, output } = await runScript(script);
        expect({ code, output }).toEqual({
          code: 0,
          output: expect.stringMatching(/data: \{[\s\S]*data: \[DONE\]\n\n$/),
        });
      }
    } finally {
      await server.stop();
    }
  });

  it('starts the services apart with the lines that it shows, and they answer; one signal ends all of them', async () => {
    for (const block of tried('run as processes')) await servicesAnswer(block);
  }, 300_000);
});

async function runScript(script: string): Promise<{ code: number | null; output: string }> {
  const child = spawn('sh', ['-c', script], { cwd: ROOT, env: environment(), stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

/** Ports become free ones, the model the one that needs no network, and the directory one of this test. */
async function servicesAnswer({ text }: Block): Promise<void> {
  let script = text.replaceAll('smollm2-135m-instruct', 'needle-3m').replaceAll('./kv', join(folder, 'kv'));
  const ports = new Map<string, string>();
  for (const [port] of text.matchAll(/\b(8\d{3}|500\d\d)\b/g)) ports.set(port, ports.get(port) ?? (await freePort()));
  for (const [port, free] of ports) script = script.replaceAll(port, free);
  const child = spawn('sh', ['-c', script], {
    cwd: ROOT,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.push(child);
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve('ended')));
  const url = `http://127.0.0.1:${ports.get('8000')}`;
  if ((await Promise.race([answers(`${url}/ready`), ended])) === 'ended') throw new Error(said);
  const request = { model: 'needle-3m', messages: [{ role: 'user', content: 'The river' }], max_tokens: 4 };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(request) });
  expect(await answer.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] });
  for (const port of ['8001', '8003']) await answers(`http://127.0.0.1:${ports.get(port)}/ready`);
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  expect(await ended).toBe('ended');
}

/** Waits until the address says 200; the test's own time is the bound. */
async function answers(url: string): Promise<string> {
  for (;;) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return 'ready';
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
