import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startServerProcess, type ServerProcess } from '@longhaul/testing';

/** As `npm start` runs it: by default V8 gives new objects up to 48 MB, which hides what the server itself keeps. */
const SERVER_FLAGS = ['--max-semi-space-size=4'];

/** The embedded server as a process of its own. @throws Error with what it said when it did not become ready. */
export function startServer(flags: readonly string[]): Promise<ServerProcess> {
  const folder = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  return startServerProcess({
    program: [...SERVER_FLAGS, join(folder, 'dist', 'main.js')],
    flags: ['--port', '0', '--log-level', 'error', '--kv-store', 'off', ...flags],
  });
}
