import { stat } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';

/**
 * Whether a checkpoint is a directory or a single file; what kind of file is asked when it is opened.
 *
 * @throws AppError `CHECKPOINT_NOT_FOUND`.
 */
export async function checkpointKind(path: string): Promise<'directory' | 'file'> {
  const entry = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? '' : ` that can be reached (${cause.code})`;
    throw new AppError({
      code: 'NOT_FOUND',
      reason: 'CHECKPOINT_NOT_FOUND',
      message: `No checkpoint${why} at ${path.slice(0, 1000)}.`,
      field: 'source',
      cause,
    });
  });
  return entry.isDirectory() ? 'directory' : 'file';
}
