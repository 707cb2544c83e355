import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';

/** A compiled server as a process of its own, so that its memory and its end are its own. */
export interface ServerProcess {
  /** `http://host:port`. */
  readonly url: string;
  /** The port of its gRPC API; null without one. */
  readonly grpcPort: number | null;
  /** What it said when it ended by itself; null while it lives. */
  death(): string | null;
  /** Resident memory in bytes; null where the system does not tell. */
  residentBytes(): Promise<number | null>;
  /** Ends it as an orchestrator does, and waits for its end. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  /** The program's file, after flags of Node itself. */
  readonly program: readonly string[];
  readonly flags: readonly string[];
  /** Called with each line of its log. */
  readonly onLog?: (line: string) => void;
}

/** What is kept of the words of a server for the message about its end. */
const TAIL_CHARACTERS = 4096;
const READY = /is ready: .* at (http:\S+)(?: and \S*:(\d+) \(gRPC\))?$/;

/** @throws Error with what the server said when it did not become ready. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const argv = [...options.program, ...options.flags];
  // The channel tells the server when this process ends, however it does.
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const life = watch(child);
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    createInterface({ input: stdoutOf(child) }).on('line', (line) => {
      const found = READY.exec(line);
      if (found) resolve(found);
      else options.onLog?.(line);
    });
    child.on('error', reject);
    void life.ended.then(() => reject(new Error(life.death() ?? '')));
  });
  return {
    url: ready[1] ?? '',
    grpcPort: ready[2] === undefined ? null : Number(ready[2]),
    death: life.death,
    residentBytes: () => residentBytes(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await life.ended;
    },
  };
}

function stdoutOf(child: ChildProcess): Readable {
  if (!child.stdout) throw new Error('a child without an output');
  return child.stdout;
}

function watch(child: ChildProcess): { death: () => string | null; ended: Promise<void> } {
  let stderr = '';
  let death: string | null = null;
  child.stderr?.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-TAIL_CHARACTERS)));
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      death = `the server ended with ${signal ?? `code ${code}`}: ${stderr}`;
      resolve();
    });
  });
  return { death: () => death, ended };
}

async function residentBytes(pid: number | undefined): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
