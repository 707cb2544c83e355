import { join } from 'node:path';
import { type Checksum, keyName } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { type BlockFile } from '@longhaul/kv-native';
import { type Checkpoint, loadCheckpoint } from './checkpoint.js';
import { type DiskFiles } from './disk-files.js';
import { type ScanItem, scanSegment } from './log-scan.js';
import { BLOCK_BYTES, HEADER_BYTES, RecordType } from './record-format.js';
import { RecordIndex } from './record-index.js';
import { endOf, Segment } from './segment.js';
import { decodeSegmentHeader, segmentIdOf, segmentName, type SegmentHeader } from './segment-format.js';
import { type DiskEvent, type RecoveryReport } from './options.js';

/** The log as it was found. Nothing on the disk has been changed. */
export interface Recovery {
  /** Null: there is no log yet. */
  readonly logId: Uint8Array | null;
  readonly index: RecordIndex;
  /** By id. Their files are open. */
  readonly segments: Segment[];
  /** The last segment, where records can be appended at its `end` once the file is cut there; null: begin a new one. */
  readonly active: Segment | null;
  readonly nextLsn: number;
  /** Files that never held a record. */
  readonly blank: readonly string[];
  /** Files that are no segments of this log. */
  readonly foreign: readonly string[];
  readonly report: RecoveryReport;
}

export interface RecoverOptions {
  readonly files: DiskFiles;
  readonly directory: string;
  readonly checksum: Checksum;
  /** `read`: opened for looking only. */
  readonly mode: 'read' | 'write';
  /** False: every record is scanned. */
  readonly useCheckpoint: boolean;
  readonly now: () => number;
  readonly onEvent: (event: DiskEvent) => void;
  /** Sees every scanned item, for listings. */
  readonly onItem?: (segment: Segment, item: ScanItem) => void;
}

interface Found {
  readonly id: number;
  readonly file: BlockFile;
  readonly bytes: number;
  readonly header: SegmentHeader | null;
}

/** Reads the log in a folder: newest whole checkpoint, then the records after it (kv-cache.md §7.4). */
export async function recoverLog(options: RecoverOptions): Promise<Recovery> {
  const started = options.now();
  const found = await openSegments(options);
  const loaded = await loadCheckpoint(options.files, options.directory, options.checksum);
  const logId = found.find(({ header }) => header !== null)?.header?.logId ?? loaded.checkpoint?.logId ?? null;
  const recovery = new Recoverer(options, logId);
  const own = await recovery.sortOut(found);
  const sameLog = loaded.checkpoint !== null && logId !== null && keyName(loaded.checkpoint.logId) === keyName(logId);
  await recovery.replay(own, options.useCheckpoint && sameLog ? loaded.checkpoint : null);
  return recovery.result(loaded.damaged, started);
}

async function openSegments({ files, directory, checksum, mode }: RecoverOptions): Promise<Found[]> {
  const found: Found[] = [];
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

class Recoverer {
  readonly #options: RecoverOptions;
  readonly #logId: Uint8Array | null;
  readonly #segments: Segment[] = [];
  readonly #blank: string[] = [];
  readonly #foreign: string[] = [];
  /** Records of sealed segments with a bad payload: punched if something later removes their key, else damaged. */
  readonly #suspects = new Map<string, { segment: number; offset: number; bytes: number; lsn: number }>();
  #index = new RecordIndex();
  #active: Segment | null = null;
  #nextLsn = 1;
  #checkpointLsn = 0;
  #records = 0;
  #bytes = 0;
  #lost = 0;
  #torn = false;

  constructor(options: RecoverOptions, logId: Uint8Array | null) {
    this.#options = options;
    this.#logId = logId;
  }

  /** Segments of this log, in order; the others are closed and put on a list. */
  async sortOut(found: readonly Found[]): Promise<Found[]> {
    const own: Found[] = [];
    for (const one of found) {
      const isLast = one === found.at(-1);
      const ours = one.header === null ? this.#logId !== null : this.#isOurs(one);
      if (ours && !(isLast && one.header === null && (await isBlank(one.file)))) own.push(one);
      else {
        const list = isLast && one.header === null && (await isBlank(one.file)) ? this.#blank : this.#foreign;
        list.push(segmentName(one.id));
        await one.file.close();
      }
    }
    return own;
  }

  async replay(found: readonly Found[], checkpoint: Checkpoint | null): Promise<void> {
    if (checkpoint !== null) {
      this.#index = checkpoint.index;
      this.#checkpointLsn = checkpoint.lsn;
      this.#nextLsn = checkpoint.lsn + 1;
    }
    for (const [i, one] of found.entries()) {
      const segment = new Segment(this.#options.directory, one.id, {
        firstLsn: one.header?.firstLsn ?? this.#nextLsn,
        file: one.file,
        end: one.bytes - (one.bytes % BLOCK_BYTES),
      });
      segment.tombstones = checkpoint?.tombstones.get(one.id) ?? 0;
      segment.physicalBytes = (await one.file.status()).allocatedBytes;
      this.#segments.push(segment);
      if (one.id >= (checkpoint?.segment ?? 0)) await this.#scan(segment, found[i + 1] ?? null, { one, checkpoint });
    }
    this.#dropUnreachable();
    this.#reportSuspects();
  }

  result(damagedCheckpoints: number, started: number): Recovery {
    for (const { place } of this.#index.entries()) {
      const segment = this.#segments.find(({ id }) => id === place.segment);
      if (segment) segment.liveBytes += endOf(place) - place.block * BLOCK_BYTES;
    }
    const report: RecoveryReport = {
      objects: this.#index.size,
      segments: this.#segments.length,
      nextLsn: this.#nextLsn,
      checkpointLsn: this.#checkpointLsn,
      damagedCheckpoints,
      scannedRecords: this.#records,
      scannedBytes: this.#bytes,
      lostRecords: this.#lost,
      tornTail: this.#torn,
      millis: this.#options.now() - started,
    };
    const lists = { blank: this.#blank, foreign: this.#foreign };
    const log = { logId: this.#logId, index: this.#index, segments: this.#segments, active: this.#active };
    return { ...log, ...lists, nextLsn: this.#nextLsn, report };
  }

  #isOurs({ id, header }: Found): boolean {
    return (
      header !== null && this.#logId !== null && header.id === id && keyName(header.logId) === keyName(this.#logId)
    );
  }

  async #scan(
    segment: Segment,
    next: Found | null,
    start: { one: Found; checkpoint: Checkpoint | null },
  ): Promise<void> {
    const { one, checkpoint } = start;
    const here = checkpoint?.segment === segment.id;
    const from = here ? checkpoint.offset : BLOCK_BYTES;
    const expectedLsn = here ? checkpoint.lsn + 1 : segment.firstLsn;
    const isLast = next === null;
    const range = {
      ...{ from, end: segment.end, expectedLsn, sealed: !isLast, verifyPayloads: true },
      boundLsn: next?.header?.firstLsn ?? Number.POSITIVE_INFINITY,
      adjacent: next?.header !== null && next?.id === segment.id + 1,
    };
    if (one.header === null) this.#damaged(segment, { offset: 0, bytes: BLOCK_BYTES, lostRecords: 0 });
    const fileEnd = segment.end;
    const seed = this.#logId === null ? 0 : this.#options.checksum(this.#logId);
    for await (const item of scanSegment(segment.file, range, { checksum: this.#options.checksum, seed })) {
      this.#options.onItem?.(segment, item);
      this.#apply(segment, item);
    }
    if (!isLast) return;
    this.#torn = segment.end < fileEnd && !(await isBlank(segment.file, segment.end));
    // A log that ends before its checkpoint, or whose header is damaged, is not continued in the same file.
    if (one.header !== null && from <= fileEnd) this.#active = segment;
    else segment.end = Math.min(segment.end, fileEnd);
  }

  #apply(segment: Segment, item: ScanItem): void {
    if (item.kind === 'damage') this.#damaged(segment, item);
    else if (item.kind === 'end') {
      segment.end = item.offset;
      this.#nextLsn = Math.max(this.#nextLsn, item.nextLsn);
    } else {
      this.#records++;
      this.#bytes += HEADER_BYTES + item.header.payloadBytes;
      this.#nextLsn = Math.max(this.#nextLsn, item.header.lsn + 1);
      this.#applyRecord(segment, item);
    }
  }

  #applyRecord(segment: Segment, item: Extract<ScanItem, { kind: 'record' }>): void {
    const { header, offset, payloadValid } = item;
    const name = keyName(header.key);
    const place = {
      segment: segment.id,
      block: offset / BLOCK_BYTES,
      payloadBytes: header.payloadBytes,
      lsn: header.lsn,
    };
    if (!payloadValid)
      this.#suspects.set(name, { segment: segment.id, offset, bytes: header.payloadBytes, lsn: header.lsn });
    else if (header.type === RecordType.put) {
      this.#index.set(header.key, place);
      this.#suspects.delete(name);
    }
    segment.tombstones += item.removed.length;
    for (const key of item.removed) {
      if ((this.#index.get(key)?.lsn ?? Number.POSITIVE_INFINITY) < item.removedBelow) this.#index.delete(key);
      const suspect = this.#suspects.get(keyName(key));
      if (suspect && suspect.lsn < item.removedBelow) this.#suspects.delete(keyName(key));
    }
  }

  #damaged(segment: Segment, damage: { offset: number; bytes: number; lostRecords: number }): void {
    const { offset, bytes, lostRecords } = damage;
    this.#lost += lostRecords;
    this.#options.onEvent({ kind: 'damage', segment: segment.id, offset, bytes, lostRecords });
  }

  /** Entries of a checkpoint whose segment has been recycled, or cut before them. */
  #dropUnreachable(): void {
    const ends = new Map(this.#segments.map((segment) => [segment.id, segment.end]));
    for (const { key, place } of this.#index.entries()) {
      const end = ends.get(place.segment);
      if (end !== undefined && endOf(place) <= end) continue;
      this.#index.delete(key);
      if (end !== undefined) this.#lost++;
    }
  }

  #reportSuspects(): void {
    for (const { segment, offset, bytes } of this.#suspects.values()) {
      this.#lost++;
      this.#options.onEvent({ kind: 'damage', segment, offset, bytes, lostRecords: 1 });
    }
  }
}

async function isBlank(file: BlockFile, offset = 0): Promise<boolean> {
  return (await file.readAt(offset, BLOCK_BYTES)).every((byte) => byte === 0);
}
