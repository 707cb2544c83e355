import { readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AppError } from '@longhaul/kernel';
import { makeDirectory } from '@longhaul/files';
import { ownerPid, ownerText } from '../leftovers/process-owner.js';
import { lockState, readLock, sweepPulls } from '../leftovers/sweep.js';
import { fileDigest } from './file-digest.js';
import { checksumMismatch, pullError, type FilePin, type PullOptions } from './pull-types.js';
import { readReceipt, seenNow, writeReceipt, type Receipt, type ReceiptFile } from './receipt.js';

const LOCK_WAIT_MS = 15 * 60 * 1000;
const LOCK_POLL_MS = 250;

/** The owner of a lock touches it, so that other machines see that it is alive. */
const LOCK_TOUCH_MS = 30_000;

/** A directory per source under the cache directory, which appears complete or not at all. */
export class ModelCache {
  readonly #options: PullOptions;
  constructor(options: PullOptions) {
    this.#options = options;
  }

  /** Where a source's files end up. */
  directory(key: string): string {
    return join(this.#options.cacheDir, key);
  }

  /** Where they are gathered; kept after a failure that a later pull can go on from, for a week. */
  staging(key: string): string {
    return `${this.directory(key)}.partial`;
  }

  /**
   * The cached checkpoint, or null. Needs no network. Files are compared by size, time and inode, and by SHA-256 when
   * these have changed or the caller asks; a directory that fails is removed, so that it is fetched again.
   */
  async find(key: string): Promise<string | null> {
    const directory = this.directory(key);
    const receipt = await readReceipt(directory);
    if (!receipt) return null;
    const files: ReceiptFile[] = [];
    for (const file of receipt.files) {
      const checked = await this.#check(join(directory, file.name), file);
      if (checked === null) {
        await rm(directory, { recursive: true, force: true });
        return null;
      }
      files.push(checked);
    }
    const isNews = files.some((file, index) => file !== receipt.files[index]);
    // Without it the files are only hashed again the next time.
    if (isNews) await writeReceipt(directory, { ...receipt, files }).catch(() => undefined);
    return receipt.entry === '.' ? directory : join(directory, receipt.entry);
  }

  /** Hashes the gathered files, writes the receipt and makes the directory visible. Returns the checkpoint's path. */
  async commit(key: string, content: { source: string; entry: string; names: readonly string[] }): Promise<string> {
    const staging = this.staging(key);
    const files: ReceiptFile[] = [];
    for (const name of content.names) {
      const path = join(staging, name);
      const { size } = await stat(path);
      const sha256 = await fileDigest(path, { signal: this.#options.signal });
      files.push({ name, bytes: size, sha256, seen: await seenNow(path) });
    }
    const receipt: Receipt = { format: 'longhaul-pull', source: content.source, entry: content.entry, files };
    await writeReceipt(staging, receipt);
    const directory = this.directory(key);
    await rm(directory, { recursive: true, force: true });
    await rename(staging, directory);
    return content.entry === '.' ? directory : join(directory, content.entry);
  }

  /**
   * Finds a checkpoint or fetches it: `fetch` fills the staging directory, alone on this machine, and commits.
   *
   * @param resumable whether a later `fetch` goes on from what a broken one left; otherwise nothing is left.
   * @throws AppError `PULL_IN_PROGRESS` when another process still fetches the same after `lockWaitMs`.
   */
  async findOrFetch(key: string, resumable: boolean, fetch: () => Promise<string>): Promise<string> {
    const cached = await this.find(key);
    if (cached !== null) return cached;
    await sweepPulls(this.#options.cacheDir);
    const lock = `${this.directory(key)}.lock`;
    await takeLock(lock, key, this.#options);
    const touching = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), LOCK_TOUCH_MS);
    touching.unref();
    try {
      // Another process may have finished it before the lock was free.
      const finished = await this.find(key);
      if (finished !== null) return finished;
      await makeDirectory(this.staging(key));
      return await fetch();
    } catch (error) {
      await this.#cleanUp(key, resumable && canResume(error));
      throw error;
    } finally {
      clearInterval(touching);
      await rm(lock, { force: true });
    }
  }

  /** Removes what a failed fetch left, or keeps it where there are bytes that a later one can use. */
  async #cleanUp(key: string, keep: boolean): Promise<void> {
    const staging = this.staging(key);
    if (keep && (await holdsBytes(staging))) return;
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }

  /** The file as a receipt has it after a look at it: the same object where nothing changed; null where it is another. */
  async #check(path: string, file: ReceiptFile): Promise<ReceiptFile | null> {
    const entry = await stat(path).catch(() => null);
    if (!entry?.isFile() || entry.size !== file.bytes) return null;
    const seen = await seenNow(path);
    if (seen === file.seen && this.#options.verifyCache !== true) return file;
    if ((await fileDigest(path, { signal: this.#options.signal })) !== file.sha256) return null;
    return seen === file.seen ? file : { ...file, seen };
  }
}

/** Whether going on later can help: not against wrong bytes, a wrong name, or a disk without room. */
function canResume(error: unknown): boolean {
  if (!AppError.isInstance(error)) return (error as Partial<Error> | null)?.name === 'AbortError';
  return error.code === 'UNAVAILABLE' || error.code === 'CANCELLED' || error.code === 'DEADLINE_EXCEEDED';
}

async function holdsBytes(directory: string): Promise<boolean> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  for (const name of names) {
    const entry = await stat(join(directory, name)).catch(() => null);
    if (entry?.isFile() === true && entry.size > 0) return true;
  }
  return false;
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
  const deadline = performance.now() + (options.lockWaitMs ?? LOCK_WAIT_MS);
  for (;;) {
    options.signal?.throwIfAborted();
    const failed = await writeFile(lock, ownerText(), { flag: 'wx' }).then(
      () => null,
      (cause: NodeJS.ErrnoException) => cause,
    );
    if (failed === null) return;
    if (failed.code !== 'EEXIST') throw failed;
    if ((await lockState(lock)) === 'free') await rm(lock, { force: true });
    else if (performance.now() >= deadline) throw await inProgress(lock, key);
    else await setTimeout(LOCK_POLL_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}

async function inProgress(lock: string, key: string): Promise<Error> {
  const owner = ownerPid(await readLock(lock));
  const message = `Process ${owner} is pulling ${key}; remove ${lock} if it is not.`;
  return pullError('ABORTED', 'PULL_IN_PROGRESS', message);
}
