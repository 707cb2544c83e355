import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A service as its own process. */
export interface ChildService {
  /** The line it printed when it was ready. */
  readyLine: string;
  /** Ends it as an orchestrator does. @returns its exit code. */
  stop(): Promise<number | null>;
  /** Resolves when it ends, however it ends. */
  ended: Promise<FailedStart>;
}

/** What a service that did not become ready left behind. */
export interface FailedStart {
  exitCode: number | null;
  stderr: string;
}

/** Starts the compiled `services/<name>`; resolves when it says that it is ready, or when it has ended without. */
export async function startService(name: string, flags: readonly string[]): Promise<ChildService | FailedStart> {
  const main = fileURLToPath(new URL(`../../../${name}/dist/main.js`, import.meta.url));
  // Only tests of the store keep anything, in directories of their own.
  const store = name === 'embedded' && !flags.includes('--kv-dir') ? ['--kv-store', 'off'] : [];
  const child = spawn(process.execPath, [main, '--log-level', 'silent', ...store, ...flags], {
    // The channel ends the service with the test that started it, however that ends.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let stderr = '';
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code));
  });
  const ready = new Promise<string>((resolve, reject) => {
    if (!child.stdout) return reject(new Error('a child without an output'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('is ready: ')) resolve(line);
    });
  });
  const first = await Promise.race([ready, ended]);
  if (typeof first !== 'string') return { exitCode: first, stderr };
  const left = ended.then((exitCode) => ({ exitCode, stderr }));
  return { readyLine: first, stop: () => stop(child, ended), ended: left };
}

/** As `startService`, where a start that fails is a failed test. */
export async function startedService(name: string, flags: readonly string[]): Promise<ChildService> {
  const service = await startService(name, flags);
  if ('exitCode' in service) throw new Error(`${name} ended with ${service.exitCode}: ${service.stderr}`);
  return service;
}

function stop(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGTERM');
  return ended;
}
