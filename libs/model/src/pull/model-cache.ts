import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isJsonObject } from '../checkpoint/read-json-file.js';
import { fileDigest } from './file-digest.js';
import { checksumMismatch, pullError, type FilePin, type PullOptions } from './pull-types.js';

const RECEIPT = '.longhaul-pull.json';
const LOCK_WAIT_MS = 15 * 60 * 1000;
const LOCK_POLL_MS = 250;

/** What a pulled checkpoint consists of; written last, so that a directory with a receipt is complete. */
interface Receipt {
  readonly format: 'longhaul-pull';
  readonly source: string;
  /** The file to open, or '.' for the directory itself. */
  readonly entry: string;
  readonly files: readonly FilePin[];
}

/** A directory per source under the cache directory, which appears complete or not at all. */
export class ModelCache {
  constructor(private readonly options: PullOptions) {}

  /** Where a source's files end up. */
  directory(key: string): string {
    return join(this.options.cacheDir, key);
  }

  /** Where they are gathered; kept after a failure so that a later pull can resume. */
  staging(key: string): string {
    return `${this.directory(key)}.partial`;
  }

  /**
   * The cached checkpoint, or null. Needs no network. Files are compared by size, and by SHA-256 when the caller asks;
   * a directory that fails is removed, so that it is fetched again.
   */
  async find(key: string): Promise<string | null> {
    const directory = this.directory(key);
    const receipt = await readReceipt(directory);
    if (!receipt) return null;
    for (const file of receipt.files) {
      if (!(await this.isIntact(join(directory, file.name), file))) {
        await rm(directory, { recursive: true, force: true });
        return null;
      }
    }
    return receipt.entry === '.' ? directory : join(directory, receipt.entry);
  }

  /** Hashes the gathered files, writes the receipt and makes the directory visible. Returns the checkpoint's path. */
  async commit(key: string, content: { source: string; entry: string; names: readonly string[] }): Promise<string> {
    const staging = this.staging(key);
    const files: FilePin[] = [];
    for (const name of content.names) {
      const path = join(staging, name);
      const { size } = await stat(path);
      files.push({ name, bytes: size, sha256: await fileDigest(path, { signal: this.options.signal }) });
    }
    const receipt: Receipt = { format: 'longhaul-pull', source: content.source, entry: content.entry, files };
    await writeFile(join(staging, RECEIPT), `${JSON.stringify(receipt, null, 2)}\n`);
    const directory = this.directory(key);
    await rm(directory, { recursive: true, force: true });
    await rename(staging, directory);
    return content.entry === '.' ? directory : join(directory, content.entry);
  }

  /**
   * Finds a checkpoint or fetches it: `fetch` fills the staging directory, alone on this machine, and commits.
   *
   * @throws AppError `PULL_IN_PROGRESS` when another process still fetches the same after `lockWaitMs`.
   */
  async findOrFetch(key: string, fetch: () => Promise<string>): Promise<string> {
    const cached = await this.find(key);
    if (cached !== null) return cached;
    const lock = `${this.directory(key)}.lock`;
    await mkdir(this.staging(key), { recursive: true });
    await takeLock(lock, key, this.options);
    try {
      // Another process may have finished it before the lock was free.
      return (await this.find(key)) ?? (await fetch());
    } finally {
      await rm(lock, { force: true });
    }
  }

  private async isIntact(path: string, file: FilePin): Promise<boolean> {
    const entry = await stat(path).catch(() => null);
    if (!entry || entry.size !== file.bytes) return false;
    if (this.options.verifyCache !== true) return true;
    return (await fileDigest(path, { signal: this.options.signal })) === file.sha256;
  }
}

/**
 * Compares a fetched file with its pin.
 *
 * @throws AppError `CHECKSUM_MISMATCH`; the file is removed first.
 */
export async function verifyPin(path: string, pin: FilePin, options: PullOptions): Promise<void> {
  const { size } = await stat(path);
  const onBytes = (doneBytes: number): void => options.onProgress?.({ stage: 'verify', doneBytes, totalBytes: size });
  const actual = size === pin.bytes ? await fileDigest(path, { signal: options.signal, onBytes }) : `of ${size} bytes`;
  if (actual === pin.sha256) return;
  await rm(path, { force: true });
  throw checksumMismatch(pin.name, `sha256 ${pin.sha256}`, actual);
}

/** Waits until this process holds the lock; one that a process left behind when it died is removed. */
async function takeLock(lock: string, key: string, options: PullOptions): Promise<void> {
  const deadline = Date.now() + (options.lockWaitMs ?? LOCK_WAIT_MS);
  for (;;) {
    options.signal?.throwIfAborted();
    const failed = await writeFile(lock, String(process.pid), { flag: 'wx' }).then(
      () => null,
      (cause: NodeJS.ErrnoException) => cause,
    );
    if (failed === null) return;
    if (failed.code !== 'EEXIST') throw failed;
    const owner = await readFile(lock, 'utf8').catch(() => '');
    // An empty lock was made a moment ago and has not been written yet.
    if (owner !== '' && !isAlive(Number(owner))) await rm(lock, { force: true });
    else if (Date.now() >= deadline) throw inProgress(owner, lock, key);
    else await setTimeout(LOCK_POLL_MS);
  }
}

function inProgress(owner: string, lock: string, key: string): Error {
  const message = `Process ${owner} is pulling ${key}; remove ${lock} if it is not.`;
  return pullError('ABORTED', 'PULL_IN_PROGRESS', message);
}

async function readReceipt(directory: string): Promise<Receipt | null> {
  const text = await readFile(join(directory, RECEIPT), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isReceipt(value) ? value : null;
  } catch {
    return null;
  }
}

function isReceipt(value: unknown): value is Receipt {
  if (!isJsonObject(value) || value['format'] !== 'longhaul-pull' || typeof value['entry'] !== 'string') return false;
  const files: unknown = value['files'];
  return (
    Array.isArray(files) &&
    files.length > 0 &&
    files.every((file) => isJsonObject(file) && typeof file['name'] === 'string' && typeof file['bytes'] === 'number')
  );
}

/** True for a running process, also one of another user. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
