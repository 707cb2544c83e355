import { join } from 'node:path';
import { type Checksum, keyName } from '@longhaul/kv-core';
import { type BlockFile } from '@longhaul/kv-native';
import { type DiskFiles } from './disk-files.js';
import {
  type AcknowledgedEnd,
  decodeList,
  decodeMark,
  encodeList,
  encodeMark,
  type LedgerSegment,
  listBytes,
  type Mark,
  MARKS,
  type SegmentList,
} from './ledger-format.js';
import { BLOCK_BYTES } from './record-format.js';

export const LEDGER_NAME = 'ledger.dat';
const LISTS_AT = MARKS * BLOCK_BYTES;
/** Room for the segments of a new ledger; it grows by doubling. */
const FIRST_LIST_BYTES = listBytes(500);
const NO_ID = new Uint8Array(0);

/** What a ledger says. What it does not know, nothing else in the folder knows either. */
export interface LedgerReading {
  /** `none`: there is no such file. `damaged`: part of it cannot be read. */
  readonly state: 'none' | 'whole' | 'damaged';
  readonly logId: Uint8Array | null;
  /** Null: not known. By id. */
  readonly segments: readonly LedgerSegment[] | null;
  readonly acknowledged: AcknowledgedEnd | null;
  /** Changes with every change of the list. */
  readonly count: number;
  readonly markCount: number;
  /** Bytes for each copy of the list. */
  readonly listRoom: number;
}

const NOTHING: LedgerReading = {
  ...{ state: 'none', logId: null, segments: null, acknowledged: null },
  ...{ count: -1, markCount: -1, listRoom: 0 },
};

/** Reads the ledger of a folder. Rejects with `KV_DISK_IO`. */
export async function readLedger(files: DiskFiles, directory: string, checksum: Checksum): Promise<LedgerReading> {
  if (!(await files.list(directory)).includes(LEDGER_NAME)) return NOTHING;
  const file = await files.open(join(directory, LEDGER_NAME), 'read', 'cached');
  try {
    const { bytes } = await file.status();
    return readingOf(await file.readAt(0, bytes), checksum);
  } finally {
    await file.close();
  }
}

function readingOf(bytes: Uint8Array, checksum: Checksum): LedgerReading {
  const marks = [0, 1].map((i) => decodeMark(bytes.subarray(i * BLOCK_BYTES), checksum));
  const room = Math.max(0, Math.floor((bytes.length - LISTS_AT) / 2));
  const lists = [0, 1].map((i) => {
    const start = LISTS_AT + i * room;
    return decodeList(bytes.subarray(start, start + room), checksum);
  });
  const mark = newest(marks);
  const list = newest(lists);
  const logId = list?.logId ?? mark?.logId ?? null;
  // A list may be torn by a power cut, and then the other one is what counts; a mark is written whole or not at all.
  const isWhole = list !== null && marks.every((one) => one !== null && keyName(one.logId) === keyName(list.logId));
  return {
    state: isWhole ? 'whole' : 'damaged',
    logId,
    segments: list?.segments ?? null,
    acknowledged: mark,
    count: list?.count ?? -1,
    markCount: mark?.count ?? -1,
    listRoom: room,
  };
}

function newest<T extends { readonly count: number }>(copies: readonly (T | null)[]): T | null {
  return copies.reduce((best, one) => (one !== null && one.count > (best?.count ?? -1) ? one : best), null);
}

/**
 * Says which segments the log has and how far it has been acknowledged, beside the log itself: what is gone from the
 * log cannot say that it was there. Lists are synced before what follows from them is done. Marks are written after the
 * records they vouch for are synced, and not synced themselves: they outlive the process at once, the power soon after.
 */
export class Ledger {
  readonly #files: DiskFiles;
  readonly #directory: string;
  readonly #checksum: Checksum;
  #file: BlockFile | null = null;
  #logId: Uint8Array = NO_ID;
  #listRoom = FIRST_LIST_BYTES;
  #listCount = 0;
  #markCount = 0;
  #work: Promise<unknown> = Promise.resolve();

  constructor(files: DiskFiles, directory: string, checksum: Checksum) {
    this.#files = files;
    this.#directory = directory;
    this.#checksum = checksum;
  }

  /** Goes on with the file that is there if it is whole, which needs no space; else begins a new one. Rejects as writes do. */
  async open(logId: Uint8Array, segments: readonly LedgerSegment[], end: AcknowledgedEnd): Promise<void> {
    const found = await readLedger(this.#files, this.#directory, this.#checksum);
    this.#logId = logId;
    this.#listCount = Math.max(0, found.count);
    this.#markCount = Math.max(0, found.markCount);
    if (found.state !== 'whole' || found.logId === null || keyName(found.logId) !== keyName(logId)) {
      await this.#begin(segments, end);
      return;
    }
    this.#listRoom = found.listRoom;
    this.#file = await this.#files.open(join(this.#directory, LEDGER_NAME), 'write', 'cached');
    await this.list(segments, end);
    await this.acknowledge(end);
  }

  /** Resolves when the list is on the medium. Rejects as writes do. One at a time. */
  list(segments: readonly LedgerSegment[], end: AcknowledgedEnd): Promise<void> {
    const work = this.#work.then(() => this.#list(segments, end));
    this.#work = work.catch(() => undefined);
    return work;
  }

  /** Resolves when the process may end and the mark stays. Rejects as writes do. */
  async acknowledge(end: AcknowledgedEnd): Promise<void> {
    const count = ++this.#markCount;
    await this.#file?.writeAt([encodeMark(this.#mark(end, count), this.#checksum)], (count % MARKS) * BLOCK_BYTES);
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#file?.close();
    this.#file = null;
  }

  /** Writes a new file in place of what there is, under another name first. */
  async #begin(segments: readonly LedgerSegment[], end: AcknowledgedEnd): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    while (listBytes(segments.length) > this.#listRoom) this.#listRoom *= 2;
    const path = join(this.#directory, LEDGER_NAME);
    const file = await this.#files.open(`${path}.tmp`, 'create', 'cached');
    try {
      await file.writeAt(this.#wholeFile(segments, end), 0);
      await file.truncate(LISTS_AT + 2 * this.#listRoom);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#files.rename(`${path}.tmp`, path);
    await this.#files.syncDirectory(this.#directory);
    this.#file = await this.#files.open(path, 'write', 'cached');
  }

  async #list(segments: readonly LedgerSegment[], end: AcknowledgedEnd): Promise<void> {
    if (this.#file === null || listBytes(segments.length) > this.#listRoom) {
      await this.#begin(segments, end);
      return;
    }
    const bytes = encodeList(this.#nextList(segments), this.#checksum);
    for (const copy of [0, 1]) {
      await this.#file.writeAt([bytes], LISTS_AT + copy * this.#listRoom);
      await this.#file.sync();
    }
  }

  #wholeFile(segments: readonly LedgerSegment[], end: AcknowledgedEnd): Uint8Array[] {
    const list = new Uint8Array(this.#listRoom);
    list.set(encodeList(this.#nextList(segments), this.#checksum));
    const [older, newer] = [++this.#markCount, ++this.#markCount];
    const marks = (older % MARKS === 0 ? [older, newer] : [newer, older]).map((count) => this.#mark(end, count));
    return [...marks.map((mark) => encodeMark(mark, this.#checksum)), list, list];
  }

  #nextList(segments: readonly LedgerSegment[]): SegmentList {
    return { logId: this.#logId, count: ++this.#listCount, segments };
  }

  #mark({ lsn, segment, offset }: AcknowledgedEnd, count: number): Mark {
    return { logId: this.#logId, count, lsn, segment, offset };
  }
}
