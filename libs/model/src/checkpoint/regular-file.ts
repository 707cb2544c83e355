import { basename } from 'node:path';
import { openRegularFile as openFile, faultOfError, type FileFault, type RegularFile } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';
import { corrupt, overLimit } from './checkpoint-errors.js';
import { FILE_LIMITS, type FileKind } from './file-limits.js';

const READ_BYTES = 1024 * 1024;

export type { RegularFile } from '@longhaul/files';

/**
 * Opens a file of a checkpoint or package for reading; every one of them is opened here.
 *
 * @returns null where nothing has that name.
 * @throws AppError `CHECKPOINT_UNREADABLE` that says what is there instead.
 */
export async function openRegularFile(path: string): Promise<RegularFile | null> {
  const file = await openFile(path);
  if (file.kind === 'opened') return file;
  if (file.kind === 'missing') return null;
  throw unreadable(file);
}

/** As {@link openRegularFile}, where the file must be there. @throws AppError `CHECKPOINT_UNREADABLE`. */
export async function mustOpenRegularFile(path: string): Promise<RegularFile> {
  const file = await openFile(path);
  if (file.kind === 'opened') return file;
  throw unreadable(file);
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
    throw AppError.isInstance(error) ? error : unreadable(faultOfError(path, error));
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

function unreadable({ problem, cause }: Pick<FileFault, 'problem' | 'cause'>): AppError {
  const message = `${problem}.`;
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'CHECKPOINT_UNREADABLE',
    message,
    field: 'source',
    cause,
  });
}
