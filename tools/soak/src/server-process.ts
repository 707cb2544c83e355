import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The embedded server as a process of its own, so that its memory is its own. */
export interface ServerProcess {
  url: string;
  /** What it said when it ended by itself; null while it lives. */
  death(): string | null;
  /** Resident memory in bytes; null where the system does not tell. */
  residentBytes(): Promise<number | null>;
  stop(): Promise<void>;
}

/** As `npm start` runs it: by default V8 gives new objects up to 48 MB, which hides what the server itself keeps. */
const SERVER_FLAGS = ['--max-semi-space-size=4'];

/** @throws Error with what the server said when it did not become ready. */
export async function startServer(flags: readonly string[]): Promise<ServerProcess> {
  const folder = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  const program = [...SERVER_FLAGS, join(folder, 'dist', 'main.js')];
  const argv = [...program, '--port', '0', '--log-level', 'error', '--kv-store', 'off', ...flags];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-4096)));
  let death: string | null = null;
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      death = `the server ended with ${signal ?? `code ${code}`}: ${stderr}`;
      resolve();
    });
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /is ready: .* at (http:\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    child.on('error', reject);
    void ended.then(() => reject(new Error(death ?? '')));
  });
  return {
    url,
    death: () => death,
    residentBytes: () => residentBytes(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function residentBytes(pid: number | undefined): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
