import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startServerProcess, type ServerProcess } from '@longhaul/testing';

/** The embedded server as a process that can be ended and started again; it writes what it has sealed before it ends. */
export function serveProcess(flags: readonly string[]): Promise<ServerProcess> {
  const folder = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  return startServerProcess({
    program: [join(folder, 'dist', 'main.js')],
    flags: ['--port', '0', '--log-level', 'warn', ...flags],
    onLog: (line) => {
      if (line.includes('"level"')) process.stderr.write(`${line}\n`);
    },
  });
}
