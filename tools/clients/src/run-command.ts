import { spawn } from 'node:child_process';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

const KEPT = 200_000;
const DEFAULT_TIMEOUT_MS = 20 * 60_000;

/** Runs a program to its end; never rejects. A program that is not there, or is too slow, ends with 127. */
export function runCommand(command: string, words: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { env = {}, cwd, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const child = spawn(command, [...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      ...(cwd === undefined ? {} : { cwd }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout = (stdout + data.toString()).slice(-KEPT)));
    child.stderr.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-KEPT)));
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 127, stdout, stderr }));
  });
}
