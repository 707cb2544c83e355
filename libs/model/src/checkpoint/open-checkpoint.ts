import { stat } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import type { Checkpoint } from './checkpoint.js';

/**
 * Opens a checkpoint: a directory in Hugging Face's layout, or a `.gguf` file.
 *
 * @throws AppError `CHECKPOINT_NOT_FOUND`, `UNSUPPORTED_CHECKPOINT` for a file of another kind, and what the reader of
 * the format finds wrong.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw new AppError({
      code: 'NOT_FOUND',
      reason: 'CHECKPOINT_NOT_FOUND',
      message: `No checkpoint at ${path}.`,
      field: 'source',
      cause,
    });
  });
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_CHECKPOINT',
    message: `${path} (${entry.isDirectory() ? 'directory' : 'file'}) cannot be read yet.`,
    field: 'source',
  });
}
