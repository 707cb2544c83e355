import { join } from 'node:path';
import { type Checksum, keyName } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { type BlockFile } from '@longhaul/kv-native';
import { type DiskFiles } from './disk-files.js';
import { type LedgerReading } from './ledger.js';
import { BLOCK_BYTES } from './record-format.js';
import { decodeSegmentHeader, type SegmentHeader, segmentIdOf, segmentName } from './segment-format.js';

/** A segment file of the folder, open. */
export interface FoundSegment {
  readonly id: number;
  readonly file: BlockFile;
  readonly bytes: number;
  /** Null: the header is not whole. */
  readonly header: SegmentHeader | null;
}

/** The files of a folder by what they are to the log; only those of `own` are left open. */
export interface SortedSegments {
  /** By id. */
  readonly own: readonly FoundSegment[];
  /** Never held a record that counts, or were being removed: safe to delete. */
  readonly blank: readonly string[];
  /** No segments of this log. */
  readonly foreign: readonly string[];
}

export interface FolderTools {
  readonly files: DiskFiles;
  readonly directory: string;
  readonly checksum: Checksum;
  readonly mode: 'read' | 'write';
}

/** Opens every segment file, in order of ids. Rejects with `KV_DISK_IO`. */
export async function openSegments({ files, directory, checksum, mode }: FolderTools): Promise<FoundSegment[]> {
  const found: FoundSegment[] = [];
  for (const name of await files.list(directory)) {
    const id = segmentIdOf(name);
    if (id < 0) continue;
    const file = await openAsPossible(files, join(directory, name), mode);
    const { bytes } = await file.status();
    found.push({ id, file, bytes, header: decodeSegmentHeader(await file.readAt(0, BLOCK_BYTES), checksum) });
  }
  return found;
}

async function openAsPossible(files: DiskFiles, path: string, mode: 'read' | 'write'): Promise<BlockFile> {
  try {
    return await files.open(path, mode);
  } catch (error) {
    if (mode === 'read' || AppError.from(error).reason !== 'KV_DISK_READ_ONLY') throw error;
    return files.open(path, 'read');
  }
}

/** Says of each file what it is, by its header and by what the ledger knows. */
export async function sortSegments(
  found: readonly FoundSegment[],
  logId: Uint8Array | null,
  ledger: LedgerReading,
): Promise<SortedSegments> {
  const sorted = { own: [] as FoundSegment[], blank: [] as string[], foreign: [] as string[] };
  for (const one of found) {
    const kind = await kindOf(one, { logId, ledger, isLast: one === found.at(-1) });
    if (kind === 'own') sorted.own.push(one);
    else {
      sorted[kind].push(segmentName(one.id));
      await one.file.close();
    }
  }
  return sorted;
}

async function kindOf(
  one: FoundSegment,
  log: { logId: Uint8Array | null; ledger: LedgerReading; isLast: boolean },
): Promise<keyof SortedSegments> {
  const { logId, ledger, isLast } = log;
  if (logId === null) return isLast && one.header === null && (await isBlank(one.file)) ? 'blank' : 'foreign';
  if (one.header !== null && (one.header.id !== one.id || keyName(one.header.logId) !== keyName(logId)))
    return 'foreign';
  const listed = ledger.state === 'whole' ? (ledger.segments ?? null) : null;
  if (listed === null) return isLast && one.header === null && (await isBlank(one.file)) ? 'blank' : 'own';
  if (listed.some(({ id }) => id === one.id)) return 'own';
  // Its objects had been copied and the list had forgotten it when the process ended.
  if (one.id < (listed.at(-1)?.id ?? -1)) return one.header === null ? 'foreign' : 'blank';
  if (one.header !== null) return 'own';
  return (await isBlank(one.file)) ? 'blank' : 'foreign';
}

export async function isBlank(file: BlockFile, offset = 0): Promise<boolean> {
  return (await file.readAt(offset, BLOCK_BYTES)).every((byte) => byte === 0);
}
