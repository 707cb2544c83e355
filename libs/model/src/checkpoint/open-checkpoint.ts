import { stat } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import { unsupported } from './checkpoint-errors.js';
import type { Checkpoint } from './checkpoint.js';
import { HuggingfaceCheckpoint } from './huggingface-checkpoint.js';

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
  if (entry.isDirectory()) return HuggingfaceCheckpoint.open(path);
  throw unsupported(path, 'it is neither a directory in the layout of Hugging Face nor a GGUF file.');
}
