import { createHash, type Hash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { receiptSource } from '../pull/receipt.js';
import { weightFiles } from '../safetensors/safetensors-set.js';
import { checkpointKind } from './checkpoint-kind.js';
import { openRegularFile, type RegularFile } from './regular-file.js';

/** Which checkpoint this is, as far as it can be told without reading all of it. */
export interface SourceIdentity {
  /** Hex. Another one is another checkpoint. */
  readonly key: string;
  /** Also changes with what says nothing about contents (owner, rights): to be compared within one import only. */
  readonly stamp: string;
}

/** Files up to this size are digested whole. */
export const WHOLE_DIGEST_BYTES = 128 * 1024 * 1024;
/** Of a larger file: its beginning, in which every format has its header. */
const HEAD_BYTES = 8 * 1024 * 1024;
/** And pieces spread evenly over the rest, the last one at its end. */
const SAMPLES = 512;
const SAMPLE_BYTES = 16 * 1024;

const CHUNK_BYTES = 1024 * 1024;

/** Files of a directory that an import reads beside the weights. */
const SIDE_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'model.safetensors.index.json',
] as const;

/**
 * The identity of a checkpoint: of every file that an import reads, in a directory or the one GGUF file, its true path, size,
 * time of change in nanoseconds, inode, and a digest of its contents; whole up to 128 MiB, of a larger file its first
 * 8 MiB and 512 pieces of 16 KiB. Of a pulled checkpoint the revision as well.
 *
 * @remarks What is not seen: other bytes between the pieces of a file of more than 128 MiB that was rewritten in place
 * with its size kept and its time set back.
 * @throws AppError as the files cannot be opened.
 */
export async function identifySource(path: string): Promise<SourceIdentity> {
  const key = createHash('sha256');
  const stamp = createHash('sha256');
  for (const name of await sourcePaths(path)) {
    const file = await openRegularFile(name);
    if (file === null) continue;
    try {
      const facts = await factsOf(file);
      key.update(facts);
      stamp.update(`${facts}${file.stats.ctimeNs}\n`);
    } finally {
      await file.handle.close();
    }
  }
  const revision = `revision ${(await receiptSource(path)) ?? ''}\n`;
  return { key: key.update(revision).digest('hex'), stamp: stamp.update(revision).digest('hex') };
}

/** What may be there of it. Weights that cannot be found are none: whoever opens the checkpoint says more about them. */
async function sourcePaths(path: string): Promise<string[]> {
  const root = resolve(path);
  if ((await checkpointKind(root)) === 'file') return [root];
  const weights = await weightFiles(root).then(
    ({ files }) => files,
    (error: unknown) => {
      if (AppError.isInstance(error)) return [];
      throw error;
    },
  );
  return [...SIDE_FILES, ...weights].map((name) => join(root, name));
}

async function factsOf(file: RegularFile): Promise<string> {
  const { size, mtimeNs, ino } = file.stats;
  const digest = createHash('sha256');
  await digestInto(digest, file);
  return `${JSON.stringify([basename(file.path), await realpath(file.path)])} ${size} ${mtimeNs} ${ino} ${digest.digest('hex')}\n`;
}

async function digestInto(digest: Hash, file: RegularFile): Promise<void> {
  const size = Number(file.stats.size);
  if (size <= WHOLE_DIGEST_BYTES) return digestRange(digest, file, { offset: 0, length: size });
  await digestRange(digest, file, { offset: 0, length: HEAD_BYTES });
  for (const offset of sampleOffsets(size)) await digestRange(digest, file, { offset, length: SAMPLE_BYTES });
}

function sampleOffsets(size: number): number[] {
  const room = size - HEAD_BYTES - SAMPLE_BYTES;
  return Array.from({ length: SAMPLES }, (_, i) => HEAD_BYTES + Math.floor((room * i) / (SAMPLES - 1)));
}

async function digestRange(
  digest: Hash,
  { handle }: RegularFile,
  { offset, length }: { offset: number; length: number },
): Promise<void> {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, length));
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, length - done), offset + done);
    if (bytesRead === 0) return;
    digest.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
}
