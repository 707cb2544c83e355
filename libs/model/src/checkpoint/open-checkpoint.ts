import { open, stat } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';
import { unsupported } from './checkpoint-errors.js';
import type { Checkpoint } from './checkpoint.js';
import { GgufCheckpoint } from '../gguf/gguf-checkpoint.js';
import { GGUF_MAGIC } from '../gguf/gguf-header.js';
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
  if (await startsWithGguf(path)) return GgufCheckpoint.open(path);
  throw unsupported(path, 'it is neither a directory in the layout of Hugging Face nor a GGUF file.');
}

/** The content decides, not the name: caches of models name files by their digest. */
async function startsWithGguf(path: string): Promise<boolean> {
  await using handle = await open(path, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  return bytesRead === 4 && buffer.readUInt32LE() === GGUF_MAGIC;
}
