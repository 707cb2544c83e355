import { constants, type BigIntStats, type Stats } from 'node:fs';
import { lstat, open, readlink, stat, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { corrupt, overLimit } from './checkpoint-errors.js';
import { FILE_LIMITS, type FileKind } from './file-limits.js';

const READ_BYTES = 1024 * 1024;

/** An open regular file; whoever opened it closes `handle`. */
export interface RegularFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** As it was opened. */
  readonly stats: BigIntStats;
}

/**
 * Opens a file of a checkpoint or package for reading; every one of them is opened here.
 *
 * Links may lead anywhere, as those of a hub's cache do, but only to a regular file: a pipe would hang, a device never
 * ends. The kind is asked before the file is opened, as opening a device can have effects, and again on what was opened.
 *
 * @returns null where nothing has that name.
 * @throws AppError `CHECKPOINT_UNREADABLE` that says what is there instead.
 */
export async function openRegularFile(path: string): Promise<RegularFile | null> {
  try {
    assertRegular(path, await stat(path));
    // Without waiting for a writer, should a pipe have come in between.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat({ bigint: true });
      assertRegular(path, stats);
      return { path, handle, stats };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (isMissing(error) && !(await isLink(path))) return null;
    throw await unreadable(path, error);
  }
}

/** As {@link openRegularFile}, where the file must be there. @throws AppError `CHECKPOINT_UNREADABLE`. */
export async function mustOpenRegularFile(path: string): Promise<RegularFile> {
  const file = await openRegularFile(path);
  if (file === null) throw await unreadable(path, Object.assign(new Error(), { code: 'ENOENT' }));
  return file;
}

/** Whether a regular file, or a link to one, is at `path`. @throws AppError `CHECKPOINT_UNREADABLE` for anything else. */
export async function hasRegularFile(path: string): Promise<boolean> {
  const file = await openRegularFile(path);
  await file?.handle.close();
  return file !== null;
}

/**
 * Reads a file whole, or null where there is none.
 *
 * @throws AppError `CHECKPOINT_LIMIT` when it is, or becomes, larger than its kind may be; `CHECKPOINT_CORRUPT` when it
 * is empty or changes while it is read; `CHECKPOINT_UNREADABLE`.
 */
export async function readWholeFile(path: string, kind: FileKind): Promise<Buffer<ArrayBuffer> | null> {
  const file = await openRegularFile(path);
  if (file === null) return null;
  try {
    return await readAll(file, FILE_LIMITS[kind]);
  } catch (error) {
    throw AppError.isInstance(error) ? error : await unreadable(path, error);
  } finally {
    await file.handle.close();
  }
}

async function readAll({ path, handle, stats }: RegularFile, limit: number): Promise<Buffer<ArrayBuffer>> {
  const name = basename(path);
  if (stats.size > BigInt(limit)) throw overLimit(name, `its size of ${stats.size} bytes`, limit);
  if (stats.size === 0n) throw corrupt(name, 'it is empty; the download or copy did not finish.');
  const size = Number(stats.size);
  const bytes = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(READ_BYTES, size - done), done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  const after = await handle.stat({ bigint: true });
  if (done < size || after.size !== stats.size || after.mtimeNs !== stats.mtimeNs) {
    throw corrupt(name, 'it changed while it was read; wait until whatever writes it has finished.');
  }
  return bytes;
}

function assertRegular(path: string, stats: Stats | BigIntStats): void {
  if (stats.isFile()) return;
  throw notReadable(path, `is ${kindOf(stats)}; a regular file is needed`);
}

function kindOf(stats: Stats | BigIntStats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'no file';
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

async function unreadable(path: string, cause: unknown): Promise<AppError> {
  if (AppError.isInstance(cause)) return cause;
  const code = codeOf(cause) ?? 'unknown error';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR': {
      const target = await readlink(path).catch(() => null);
      return notReadable(path, target === null ? 'is not there' : `is a link to ${target}, which is not there`, cause);
    }
    case 'ELOOP':
      return notReadable(path, 'is a link that leads back to itself', cause);
    case 'EACCES':
    case 'EPERM':
      return notReadable(path, `may not be read by this user (${code})`, cause);
    default:
      return notReadable(path, `cannot be read (${code})`, cause);
  }
}

function notReadable(path: string, problem: string, cause?: unknown): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'CHECKPOINT_UNREADABLE',
    message: `${path} ${problem}.`,
    field: 'source',
    cause,
  });
}
