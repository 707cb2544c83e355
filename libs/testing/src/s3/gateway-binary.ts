import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The S3 server of the tests: objects are plain files below a directory. */
const MODULE = 'github.com/versity/versitygw/cmd/versitygw';
const VERSION = 'v1.8.0';
const INSTALL_MS = 20 * 60_000;
const LOG_EVERY_MS = 15_000;

const workspace = fileURLToPath(new URL('../../../..', import.meta.url));
const folder = join(workspace, '.longhaul', 'test-servers', 's3', VERSION);
const binary = join(folder, 'versitygw');
const lock = join(folder, 'install.lock');

/**
 * Path of the gateway, compiled by the first caller of this checkout and kept in its cache folder. Processes that come
 * meanwhile wait for it.
 *
 * @throws Error with the reason when Go is missing, the module cannot be had, or twenty minutes have passed.
 */
export async function gatewayBinary(): Promise<string> {
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const deadline = Date.now() + INSTALL_MS;
  await takeLock(deadline);
  try {
    if (!existsSync(binary)) await install(deadline);
    return binary;
  } finally {
    rmSync(lock, { force: true });
  }
}

async function takeLock(deadline: number): Promise<void> {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (Date.now() > deadline) throw new Error(`another process has been installing the S3 server for too long`);
    if (ownerIsGone()) rmSync(lock, { force: true });
    else await sleep(250);
  }
}

function ownerIsGone(): boolean {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function install(deadline: number): Promise<void> {
  const started = Date.now();
  const log = (line: string) => process.stderr.write(`S3 test server: ${line}\n`);
  log(`compiling ${MODULE}@${VERSION} into ${folder} (once, one to three minutes)`);
  const ticker = setInterval(() => log(`still compiling, ${seconds(started)}`), LOG_EVERY_MS);
  const staging = join(folder, `staging-${process.pid}`);
  try {
    await goInstall(staging, deadline - Date.now());
    // One move: a process that looks for the binary meanwhile sees all of it or nothing.
    renameSync(join(staging, 'versitygw'), binary);
    log(`compiled in ${seconds(started)}`);
  } finally {
    clearInterval(ticker);
    rmSync(staging, { recursive: true, force: true });
  }
}

function goInstall(target: string, limitMs: number): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOBIN: target };
  const child = spawn('go', ['install', '-trimpath', `${MODULE}@${VERSION}`], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: Math.max(1, limitMs),
    killSignal: 'SIGKILL',
  });
  const words: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => words.push(text));
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error('Go is not installed (the command go was not found)') : error);
    });
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(signal ? 'compiling it took too long' : `go install failed: ${lastWords(words)}`));
    });
  });
}

function lastWords(words: readonly string[]): string {
  return words.join('').trim().split('\n').slice(-3).join(' | ');
}

function seconds(since: number): string {
  return `${Math.round((Date.now() - since) / 1000)} s`;
}
