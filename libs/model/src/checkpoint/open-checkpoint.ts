import { basename, dirname } from 'node:path';
import { openFileSource } from './byte-source.js';
import { checkpointKind } from './checkpoint-kind.js';
import { unsupported } from './checkpoint-errors.js';
import type { Checkpoint } from './checkpoint.js';
import { FOREIGN_PREFIX_BYTES, foreignFile } from './foreign-file.js';
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
  if ((await checkpointKind(path)) === 'directory') return HuggingfaceCheckpoint.open(path);
  const head = await firstBytes(path);
  if (isGguf(head)) return GgufCheckpoint.open(path);
  throw unsupported(path, `${whatItIs(path, head)}.`);
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const source = await openFileSource(path);
  try {
    return await source.read(0, Math.min(FOREIGN_PREFIX_BYTES, source.sizeBytes));
  } finally {
    await source.close();
  }
}

/** The content decides, not the name: caches of models name files by their digest. */
function isGguf(head: Uint8Array): boolean {
  return head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === GGUF_MAGIC;
}

function whatItIs(path: string, head: Uint8Array): string {
  const name = basename(path);
  const foreign = foreignFile(head);
  if (foreign !== null) return foreign;
  if (/\.(safetensors|json|model|jinja)$/.test(name)) {
    return `it is one file of a checkpoint; name the directory that it is in (${dirname(path)})`;
  }
  return 'it is neither a directory in the layout of Hugging Face nor a GGUF file';
}
