import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';

const END_WITH_PARENT = join(import.meta.dirname, '..', 'end-with-parent.mjs');
const folder = mkdtempSync(join(tmpdir(), 'longhaul-forks-'));
const program = join(folder, 'program.mjs');
const fork = join(folder, 'fork.mjs');
writeFileSync(fork, `process.on('message', () => process.exit(7)); process.send('waiting');`);
writeFileSync(
  program,
  `import { fork } from 'node:child_process';
   const child = fork(${JSON.stringify(fork)});
   child.on('message', () => setTimeout(() => child.connected && child.send('end'), 200));
   child.on('exit', (code) => process.exit(code));`,
);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a program that ends with its parent', () => {
  it('may fork a process that waits for messages', async () => {
    const words = ['--import', END_WITH_PARENT, program];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    expect(await once(child, 'exit')).toEqual([7, null]);
  });
});
