import { opendir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readWholeFile } from '../checkpoint/regular-file.js';
import { MANIFEST_FILE, PACKAGE_FILES } from '../package/package-files.js';
import { ownerState } from './process-owner.js';

/** In an unfinished package: who writes it. */
export const OWNER_FILE = '.owner';

const HOUR_MS = 60 * 60 * 1000;
/** A pull that broke off can be continued this long. */
const PULL_AGE_MS = 7 * 24 * HOUR_MS;
/** An import writes all the time; nothing for this long means that it is gone, whoever it belonged to. */
const IMPORT_AGE_MS = 24 * HOUR_MS;
/** Names looked at in one directory. */
const MAX_NAMES = 10_000;

const UNFINISHED_PACKAGE = /^\..+\.partial-[0-9a-f]{12}$/;

/**
 * Removes what killed imports left in a directory of packages: at once where the process is known to be gone, after a day
 * without a change where that cannot be told. Never what a running process writes, nor anything that is not all ours.
 * What cannot be removed is left.
 */
export async function sweepImports(directory: string): Promise<void> {
  await sweep(directory, async (name) => UNFINISHED_PACKAGE.test(name) && isAbandonedImport(join(directory, name)));
}

/**
 * Removes what killed and given-up pulls left in a directory of checkpoints: locks of processes that are gone, and parts
 * that nobody has continued for a week.
 */
export async function sweepPulls(directory: string): Promise<void> {
  await sweep(directory, async (name) => {
    const path = join(directory, name);
    if (name.endsWith('.lock')) return (await lockState(path)) === 'free';
    if (!name.endsWith('.partial')) return false;
    const lock = join(directory, name.replace(/\.partial$/, '.lock'));
    return (await lockState(lock)) === 'free' && (await unchangedFor(path)) > PULL_AGE_MS;
  });
}

/** A lock of another machine that has not been touched for this long is nobody's any more; owners touch theirs. */
export const LOCK_STALE_MS = 10 * 60 * 1000;
/** A lock is made empty and written a moment later. */
const LOCK_WRITTEN_MS = 10_000;

/** Whether somebody holds a lock. A missing one is free. */
export async function lockState(path: string): Promise<'held' | 'free'> {
  const text = await readLock(path);
  if (text === null) return 'free';
  const age = await unchangedFor(path);
  if (text === '') return age > LOCK_WRITTEN_MS ? 'free' : 'held';
  const state = ownerState(text);
  if (state === 'unknown') return age > LOCK_STALE_MS ? 'free' : 'held';
  return state === 'alive' ? 'held' : 'free';
}

/** What a lock says about its owner: empty where it is not written yet or cannot be read, null where there is no lock. */
export async function readLock(path: string): Promise<string | null> {
  return readWholeFile(path, 'lock').then(
    (bytes) => bytes?.toString('utf8') ?? null,
    () => '',
  );
}

async function sweep(directory: string, isLeftover: (name: string) => Promise<boolean>): Promise<void> {
  const entries = await opendir(directory).catch(() => null);
  if (entries === null) return;
  let seen = 0;
  for await (const { name } of entries) {
    if (++seen > MAX_NAMES) return;
    if (!(await isLeftover(name).catch(() => false))) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isAbandonedImport(path: string): Promise<boolean> {
  const names = await readdir(path);
  const known = new Set<string>([OWNER_FILE, MANIFEST_FILE, ...PACKAGE_FILES]);
  if (!names.every((name) => known.has(name))) return false;
  const owner = await readWholeFile(join(path, OWNER_FILE), 'lock').catch(() => null);
  const state = owner === null ? 'unknown' : ownerState(owner.toString('utf8'));
  if (state === 'alive') return false;
  return state === 'dead' || (await unchangedFor(path)) > IMPORT_AGE_MS;
}

/** Milliseconds since anything in a directory, or a file, was last written. */
async function unchangedFor(path: string): Promise<number> {
  let newest = (await stat(path)).mtimeMs;
  const names = await readdir(path, { recursive: true }).catch(() => []);
  for (const name of names.slice(0, MAX_NAMES)) {
    const entry = await stat(join(path, name)).catch(() => null);
    newest = Math.max(newest, entry?.mtimeMs ?? 0);
  }
  return Date.now() - newest;
}
