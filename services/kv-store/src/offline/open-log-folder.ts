import { existsSync, readdirSync, statSync } from 'node:fs';
import { AppError } from '@longhaul/kernel';
import { inspectLog, type LogItem, type LogListing } from '../adapters/disk/index.js';
import { isCheckpointName } from '../adapters/disk/checkpoint.js';
import { nativeFiles } from '../adapters/disk/disk-files.js';
import { LEDGER_NAME } from '../adapters/disk/ledger.js';
import { HEADER_BYTES } from '../adapters/disk/record-format.js';
import { segmentIdOf } from '../adapters/disk/segment-format.js';

/** A put record of the log. */
export type LoggedBlock = Extract<LogItem, { kind: 'record' }>;

/**
 * What is in the folder of a disk tier, read by a tool while no store runs, or beside one.
 *
 * @throws AppError `KV_NO_LOG` for a folder that is none, so that a mistyped name is not taken for an empty store.
 */
export async function openLogFolder(directory: string): Promise<LogListing> {
  requireLogFolder(directory);
  return inspectLog(directory);
}

/** @throws AppError `KV_NO_LOG` unless the folder exists and has a segment, or what says that there were some. */
export function requireLogFolder(directory: string): void {
  const isFolder = existsSync(directory) && statSync(directory).isDirectory();
  const isOfLog = (name: string) => segmentIdOf(name) >= 0 || name === LEDGER_NAME || isCheckpointName(name);
  if (isFolder && readdirSync(directory).some(isOfLog)) return;
  throw new AppError({
    code: 'NOT_FOUND',
    reason: 'KV_NO_LOG',
    message: `${directory} holds no KV blocks: there is no segment of a log in it.`,
    field: 'kv-dir',
  });
}

/**
 * The stored bytes of a block, as they lie on the disk. The listing says whether they are whole.
 *
 * @throws AppError `KV_DISK_IO`, `KV_NOT_FOUND` when the segment is gone.
 */
export async function readLoggedBlock(listing: LogListing, block: LoggedBlock): Promise<Uint8Array> {
  const segment = listing.segments.find(({ id }) => id === block.segment);
  if (!segment)
    throw new AppError({ code: 'NOT_FOUND', reason: 'KV_NOT_FOUND', message: `Segment ${block.segment} is gone.` });
  const file = await nativeFiles.open(segment.path, 'read');
  try {
    return await file.readAt(block.offset + HEADER_BYTES, block.objectBytes);
  } finally {
    await file.close();
  }
}
