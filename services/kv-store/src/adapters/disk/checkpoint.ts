import { join } from 'node:path';
import { KEY_BYTES, type Checksum } from '@longhaul/kv-core';
import { type DiskFiles } from './disk-files.js';
import { BLOCK_BYTES } from './record-format.js';
import { type Place, RecordIndex } from './record-index.js';
import { LOG_ID_BYTES } from './segment-format.js';

/** The index at one point of the log: recovery begins there and not at the first segment. */
export interface Checkpoint {
  readonly logId: Uint8Array;
  /** Last lsn it covers. */
  readonly lsn: number;
  /** Where the next record was due. */
  readonly segment: number;
  readonly offset: number;
  /** Keys in the tombstones of each segment. */
  readonly tombstones: ReadonlyMap<number, number>;
  readonly index: RecordIndex;
  /** Entries not in the index whose tombstone is not in the log yet; recovery counts them in. */
  readonly leaving: readonly { readonly key: Uint8Array; readonly place: Place }[];
}

const MAGIC = 0x3243564b4c4c484cn;
/** Of checkpoints from before objects could expire: their entries have no such field. */
const OLD_MAGIC = 0x5043564b4c4c484cn;
const HEADER_BYTES = 80;
const HEADER_CRC_AT = 72;
const SEGMENT_BYTES = 16;
const OLD_ENTRY_BYTES = KEY_BYTES + 20;
const ENTRY_BYTES = OLD_ENTRY_BYTES + 4;
/** The newest and, should it be damaged, the one before. */
const KEPT = 2;

function checkpointName(lsn: number): string {
  return `checkpoint-${lsn.toString(16).padStart(14, '0')}.idx`;
}

export function isCheckpointName(name: string): boolean {
  return /^checkpoint-[0-9a-f]{14}\.idx$/.test(name);
}

/** Header 80 B (magic, log id, lsn, segment, offset, counts, CRCs), segments 16 B each, entries 56 B each; padded to 4096. */
export function encodeCheckpoint(checkpoint: Checkpoint, checksum: Checksum): Uint8Array {
  const { index, tombstones } = checkpoint;
  const leaving = checkpoint.leaving.filter(({ key }) => !index.has(key));
  const body = tombstones.size * SEGMENT_BYTES + (index.size + leaving.length) * ENTRY_BYTES;
  const bytes = new Uint8Array(Math.ceil((HEADER_BYTES + body) / BLOCK_BYTES) * BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  let at = HEADER_BYTES;
  for (const [segment, count] of tombstones) {
    view.setFloat64(at, segment, true);
    view.setFloat64(at + 8, count, true);
    at += SEGMENT_BYTES;
  }
  for (const { key, place } of concatenated(index.entries(), leaving)) {
    bytes.set(key, at);
    view.setUint32(at + 32, place.segment, true);
    view.setUint32(at + 36, place.block, true);
    view.setUint32(at + 40, place.payloadBytes, true);
    view.setFloat64(at + 44, place.lsn, true);
    view.setUint32(at + 52, place.expiresS, true);
    at += ENTRY_BYTES;
  }
  view.setBigUint64(0, MAGIC, true);
  bytes.set(checkpoint.logId, 8);
  view.setFloat64(24, checkpoint.lsn, true);
  view.setFloat64(32, checkpoint.segment, true);
  view.setFloat64(40, checkpoint.offset, true);
  view.setFloat64(48, tombstones.size, true);
  view.setFloat64(56, index.size + leaving.length, true);
  view.setUint32(64, checksum(bytes.subarray(HEADER_BYTES, at)), true);
  view.setUint32(HEADER_CRC_AT, checksum(bytes.subarray(0, HEADER_CRC_AT)), true);
  return bytes;
}

function* concatenated<T>(...parts: Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** Null for anything that is not a whole checkpoint. */
function decodeCheckpoint(bytes: Uint8Array, checksum: Checksum): Checkpoint | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getBigUint64(0, true);
  if (magic !== MAGIC && magic !== OLD_MAGIC) return null;
  const entryBytes = magic === MAGIC ? ENTRY_BYTES : OLD_ENTRY_BYTES;
  if (view.getUint32(HEADER_CRC_AT, true) !== checksum(bytes.subarray(0, HEADER_CRC_AT))) return null;
  const [segments, entries] = [view.getFloat64(48, true), view.getFloat64(56, true)];
  const end = HEADER_BYTES + segments * SEGMENT_BYTES + entries * entryBytes;
  if (!(end <= bytes.length) || view.getUint32(64, true) !== checksum(bytes.subarray(HEADER_BYTES, end))) return null;
  const tombstones = new Map<number, number>();
  let at = HEADER_BYTES;
  for (let i = 0; i < segments; i++, at += SEGMENT_BYTES) {
    tombstones.set(view.getFloat64(at, true), view.getFloat64(at + 8, true));
  }
  const index = new RecordIndex();
  for (; at < end; at += entryBytes) {
    const expiresS = magic === MAGIC ? view.getUint32(at + 52, true) : 0;
    index.set(bytes.subarray(at, at + KEY_BYTES), { ...placeAt(view, at), expiresS });
  }
  const position = { segment: view.getFloat64(32, true), offset: view.getFloat64(40, true) };
  const logId = bytes.slice(8, 8 + LOG_ID_BYTES);
  return { logId, lsn: view.getFloat64(24, true), ...position, tombstones, index, leaving: [] };
}

function placeAt(view: DataView, at: number): Omit<Place, 'expiresS'> {
  return {
    segment: view.getUint32(at + 32, true),
    block: view.getUint32(at + 36, true),
    payloadBytes: view.getUint32(at + 40, true),
    lsn: view.getFloat64(at + 44, true),
  };
}

/** Writes under another name, syncs, renames: a checkpoint is there whole or not at all. Resolves to the bytes of all kept. */
export async function saveCheckpoint(
  files: DiskFiles,
  directory: string,
  named: { lsn: number; bytes: Uint8Array },
): Promise<number> {
  const path = join(directory, checkpointName(named.lsn));
  const file = await files.open(`${path}.tmp`, 'create');
  try {
    await file.writeAt([named.bytes], 0);
    await file.truncate(named.bytes.length);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(`${path}.tmp`, path);
  await files.syncDirectory(directory);
  return named.bytes.length * (await keepCheckpoints(files, directory, KEPT));
}

/** Removes all checkpoints but the newest. Resolves to how many are left. */
export async function keepCheckpoints(files: DiskFiles, directory: string, count: number): Promise<number> {
  const names = (await files.list(directory)).filter(isCheckpointName);
  for (const name of names.slice(0, -count)) await files.remove(join(directory, name));
  return Math.min(count, names.length);
}

/** The newest whole checkpoint, and how many damaged ones were seen: newer ones, or with `all` any. */
export async function loadCheckpoint(
  files: DiskFiles,
  directory: string,
  { checksum, all }: { checksum: Checksum; all: boolean },
): Promise<{ checkpoint: Checkpoint | null; damaged: number }> {
  let damaged = 0;
  let newest: Checkpoint | null = null;
  for (const name of (await files.list(directory)).filter(isCheckpointName).reverse()) {
    if (newest !== null && !all) break;
    const checkpoint = await readCheckpoint(files, join(directory, name), checksum);
    if (checkpoint === null) damaged++;
    newest ??= checkpoint;
  }
  return { checkpoint: newest, damaged };
}

async function readCheckpoint(files: DiskFiles, path: string, checksum: Checksum): Promise<Checkpoint | null> {
  const file = await files.open(path, 'read');
  try {
    return decodeCheckpoint(await file.readAt(0, (await file.status()).bytes), checksum);
  } finally {
    await file.close();
  }
}
