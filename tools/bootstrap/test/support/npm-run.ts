import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = resolve(import.meta.dirname, '../../../..');
const PROGRAM = 'tools/cli/dist/main.js';

/** What a user started in a terminal, with all that it started in turn. */
export interface Started {
  /** The address that it printed when it was ready. */
  readonly url: string;
  /** The process that the test itself started, which leads a group of its own. */
  readonly child: ChildProcess;
  /** Resolves once the process has ended and nobody holds its output any more: nothing is left behind. */
  readonly gone: Promise<void>;
  /** The process whose command line ends in this; Linux only. */
  pidOf(part: 'npm' | 'bootstrap' | 'server'): number;
}

/** Starts a command line as a shell does, and waits for the line that says that a server is ready. */
export async function startCommand(command: readonly string[]): Promise<Started> {
  const [file = '', ...words] = command;
  // As from a terminal: what the runner of the tests, npm or another, has set is not handed on.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_CHANNEL)/i.test(name)),
  );
  const child = spawn(file, words, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const gone = once(child, 'close').then(() => undefined);
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  const url = await new Promise<string>((found, failed) => {
    if (!child.stdout) return failed(new Error('no output'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const ready = /is ready: .* at (http:\S+)/.exec(line)?.[1];
      if (ready) found(ready);
    });
    void gone.then(() => failed(new Error(`it ended before it was ready: ${said}`)));
  });
  return { url, child, gone, pidOf: (part) => pidOf(child, part) };
}

/** Ends whatever a failed test has left. */
export function killGroup({ child }: Started): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

const PARTS = { npm: /^npm (start|run)/, bootstrap: /tools\/bootstrap\/(start|cli)\.mjs/, server: new RegExp(PROGRAM) };

function pidOf({ pid: leader }: ChildProcess, part: keyof typeof PARTS): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const { group, command } = processOf(name);
    if (group === leader && PARTS[part].test(command)) return Number(name);
  }
  throw new Error(`no process is the ${part}`);
}

function processOf(pid: string): { group: number; command: string } {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? '';
    return { group: Number(afterName.split(' ')[2]), command };
  } catch {
    return { group: 0, command: '' };
  }
}
