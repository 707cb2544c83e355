import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The embedded server as a process that can be ended and started again. */
export interface ServedProcess {
  readonly url: string;
  /** Ends it as a user does; it writes what it has sealed first. */
  stop(): Promise<void>;
}

/** @throws Error with what the server said when it did not become ready. */
export async function serveProcess(flags: readonly string[]): Promise<ServedProcess> {
  const folder = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  const argv = [join(folder, 'dist', 'main.js'), '--port', '0', '--log-level', 'warn', ...flags];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-4096)));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /is ready: .* at (http:\S+)/.exec(line)?.[1];
      if (found) resolve(found);
      else if (line.includes('"level"')) process.stderr.write(`${line}\n`);
    });
    child.on('error', reject);
    void ended.then(() => reject(new Error(`the server ended: ${said}`)));
  });
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
