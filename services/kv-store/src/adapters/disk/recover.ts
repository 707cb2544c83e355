import { keyName } from '@longhaul/kv-core';
import { type Checkpoint, loadCheckpoint } from './checkpoint.js';
import { type FoundSegment, type FolderTools, isBlank, openSegments, sortSegments } from './found-segments.js';
import { type LedgerReading, readLedger } from './ledger.js';
import { type AcknowledgedEnd, type LedgerSegment } from './ledger-format.js';
import { type ScanItem, type ScanRange, scanSegment } from './log-scan.js';
import { type DiskEvent, type RecoveryReport } from './options.js';
import { BLOCK_BYTES, HEADER_BYTES, recordBytes, RecordType } from './record-format.js';
import { type Place, RecordIndex } from './record-index.js';
import { endOf, offsetOf, Segment } from './segment.js';

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
  /** Files that hold nothing that counts. */
  readonly blank: readonly string[];
  /** Files that are no segments of this log. */
  readonly foreign: readonly string[];
  /** Segments that the ledger lists and that are not there. */
  readonly missing: readonly LedgerSegment[];
  /** Of the checkpoint's objects those that should be there and are not; told by a scan of every record only. */
  readonly lost: readonly { readonly key: Uint8Array; readonly place: Place }[];
  /** Changes when the log gets or loses a segment. */
  readonly ledgerCount: number;
  readonly report: RecoveryReport;
}

export interface RecoverOptions extends FolderTools {
  /** False: every record is scanned. */
  readonly useCheckpoint: boolean;
  readonly now: () => number;
  readonly onEvent: (event: DiskEvent) => void;
  /** Sees every scanned item, for listings. */
  readonly onItem?: (segment: Segment, item: ScanItem) => void;
}

/** What the folder knows of the log beside its records. */
interface Knowledge {
  readonly logId: Uint8Array | null;
  readonly ledger: LedgerReading;
  /** The newest whole one of this log. */
  readonly checkpoint: Checkpoint | null;
}

/**
 * Reads the log in a folder: newest whole checkpoint, then the records after it. What the ledger and
 * the checkpoint say was acknowledged and is not there is reported as lost.
 */
export async function recoverLog(options: RecoverOptions): Promise<Recovery> {
  const started = options.now();
  const { files, directory, checksum } = options;
  // In this order: beside a running store each says less than what is read after it.
  const loaded = await loadCheckpoint(files, directory, { checksum, all: !options.useCheckpoint });
  const ledger = await readLedger(files, directory, checksum);
  const found = await openSegments(options);
  const header = found.find((one) => one.header !== null)?.header;
  const logId = (ledger.state === 'whole' ? ledger.logId : null) ?? header?.logId ?? loaded.checkpoint?.logId ?? null;
  const isOurs = loaded.checkpoint !== null && logId !== null && keyName(loaded.checkpoint.logId) === keyName(logId);
  const sorted = await sortSegments(found, logId, ledger);
  const recovery = new Recoverer(options, { logId, ledger, checkpoint: isOurs ? loaded.checkpoint : null });
  await recovery.replay(sorted.own);
  const isMissing = ledger.state === 'none' && found.some((one) => one.header?.ledgered === true);
  const { blank, foreign } = sorted;
  return {
    ...recovery.result(),
    ...{ logId, blank, foreign, ledgerCount: ledger.count },
    report: {
      ...recovery.counts(),
      damagedCheckpoints: loaded.damaged,
      ledger: isMissing ? 'missing' : ledger.state,
      millis: options.now() - started,
    },
  };
}

class Recoverer {
  readonly #options: RecoverOptions;
  readonly #known: Knowledge;
  readonly #segments: Segment[] = [];
  readonly #missing: LedgerSegment[] = [];
  /** Records of sealed segments with a bad payload: punched if something later removes their key, else damaged. */
  readonly #suspects = new Map<string, { segment: number; offset: number; bytes: number; lsn: number }>();
  readonly #index: RecordIndex;
  /** Where the replay starts; null: at the first record. */
  readonly #start: Checkpoint | null;
  /** Of a checkpoint that the replay does not start from: what no tombstone has removed so far. */
  readonly #expected: RecordIndex | null;
  #active: Segment | null = null;
  #nextLsn = 1;
  /** What is due after the segments replayed so far. */
  #replayedLsn = 1;
  #records = 0;
  #bytes = 0;
  #lostRecords = 0;
  #lostBytes = 0;
  #torn = false;

  constructor(options: RecoverOptions, known: Knowledge) {
    this.#options = options;
    this.#known = known;
    const { checkpoint, ledger } = known;
    this.#start = options.useCheckpoint ? checkpoint : null;
    this.#expected = options.useCheckpoint ? null : (checkpoint?.index ?? null);
    this.#index = this.#start?.index ?? new RecordIndex();
    const acknowledged = [checkpoint?.lsn ?? 0, ledger.acknowledged?.lsn ?? 0];
    const ends = (ledger.segments ?? []).map(({ endLsn }) => endLsn - 1);
    this.#replayedLsn = (this.#start?.lsn ?? 0) + 1;
    // Also of what is lost: no number is given twice.
    this.#nextLsn = 1 + Math.max(0, ...acknowledged, ...ends);
  }

  async replay(own: readonly FoundSegment[]): Promise<void> {
    const present = new Map(own.map((one) => [one.id, one]));
    const listed = new Map((this.#known.ledger.segments ?? []).map((entry) => [entry.id, entry]));
    const ids = [...new Set([...present.keys(), ...listed.keys()])].sort((a, b) => a - b);
    for (const [i, id] of ids.entries()) {
      const entry = listed.get(id) ?? null;
      const one = present.get(id);
      const nextId = ids[i + 1] ?? -1;
      const nextFirstLsn = present.get(nextId)?.header?.firstLsn ?? listed.get(nextId)?.firstLsn ?? null;
      const next = nextId < 0 ? null : { id: nextId, firstLsn: nextFirstLsn };
      const due = this.#dueEnd(id, entry, next);
      if (one) await this.#take(one, { entry, next, due, isLast: one === own.at(-1) });
      else if (entry && (next !== null || due.exact)) this.#miss(entry, due);
    }
    this.#dropUnreachable();
    this.#reportSuspects();
  }

  result(): Pick<Recovery, 'index' | 'segments' | 'active' | 'nextLsn' | 'missing' | 'lost'> {
    const segments = new Map(this.#segments.map((segment) => [segment.id, segment]));
    for (const { place } of this.#index.entries()) {
      const segment = segments.get(place.segment);
      if (segment) segment.liveBytes += recordBytes(place.payloadBytes);
    }
    const log = { index: this.#index, segments: this.#segments, active: this.#active, nextLsn: this.#nextLsn };
    return { ...log, missing: this.#missing, lost: this.#lostObjects() };
  }

  counts(): Omit<RecoveryReport, 'damagedCheckpoints' | 'ledger' | 'millis'> {
    return {
      objects: this.#index.size,
      segments: this.#segments.length,
      nextLsn: this.#nextLsn,
      checkpointLsn: this.#start?.lsn ?? 0,
      scannedRecords: this.#records,
      scannedBytes: this.#bytes,
      lostRecords: this.#lostRecords,
      lostBytes: this.#lostBytes,
      tornTail: this.#torn,
    };
  }

  /** The lsn after the last record that a segment is known to have had, and where it ended; 0: not known. */
  #dueEnd(
    id: number,
    entry: LedgerSegment | null,
    next: { id: number; firstLsn: number | null } | null,
  ): { lsn: number; offset: number; exact: boolean } {
    if (entry !== null && entry.endLsn > 0) return { lsn: entry.endLsn, offset: entry.endOffset, exact: true };
    const acknowledged = this.#acknowledgedIn(id);
    if (next?.id === id + 1 && next.firstLsn !== null) {
      const offset = acknowledged?.lsn === next.firstLsn - 1 ? acknowledged.offset : 0;
      return { lsn: next.firstLsn, offset, exact: true };
    }
    if (next === null && acknowledged) return { lsn: acknowledged.lsn + 1, offset: acknowledged.offset, exact: true };
    return { lsn: next?.firstLsn ?? Number.POSITIVE_INFINITY, offset: 0, exact: false };
  }

  #acknowledgedIn(id: number): AcknowledgedEnd | null {
    const { checkpoint, ledger } = this.#known;
    const ends = [checkpoint, ledger.acknowledged].filter((end) => end?.segment === id);
    return ends.reduce((best, end) => ((end?.lsn ?? 0) > (best?.lsn ?? 0) ? end : best), null) ?? null;
  }

  async #take(
    one: FoundSegment,
    place: {
      entry: LedgerSegment | null;
      next: { id: number; firstLsn: number | null } | null;
      due: { lsn: number; offset: number; exact: boolean };
      isLast: boolean;
    },
  ): Promise<void> {
    const { entry, due } = place;
    const fileEnd = one.bytes - (one.bytes % BLOCK_BYTES);
    const firstLsn = one.header?.firstLsn ?? entry?.firstLsn ?? this.#replayedLsn;
    const segment = new Segment(this.#options.directory, one.id, { firstLsn, file: one.file, end: fileEnd });
    segment.tombstones = this.#start?.tombstones.get(one.id) ?? 0;
    segment.physicalBytes = (await one.file.status()).allocatedBytes;
    this.#segments.push(segment);
    if (one.header === null) this.#damaged(one.id, { offset: 0, bytes: BLOCK_BYTES, lostRecords: 0 });
    const isOpen = place.next === null && (entry === null || entry.endLsn === 0);
    if (!isOpen) segment.due = due.exact ? { lsn: due.lsn, offset: due.offset } : null;
    if (one.id < (this.#start?.segment ?? 0)) {
      if (fileEnd < due.offset && due.exact) {
        this.#damaged(one.id, { offset: fileEnd, bytes: due.offset - fileEnd, lostRecords: 0 });
      }
      return;
    }
    if (isOpen) await this.#scanOpen(segment, one, due);
    else await this.#scanSealed(segment, due);
  }

  /** Up to what was acknowledged every record must be there; behind that the log ends where records end. */
  async #scanOpen(segment: Segment, one: FoundSegment, due: { lsn: number; offset: number; exact: boolean }) {
    const fileEnd = segment.end;
    const start = this.#startIn(segment);
    // Reached without a doubt only by what a checkpoint or the ledger says.
    const until = due.exact ? due : { lsn: start.expectedLsn, offset: start.from };
    if (until.lsn > start.expectedLsn || until.offset > start.from) {
      const bound = { boundLsn: until.lsn, exact: true, dueEnd: until.offset, sealed: true };
      await this.#scan(segment, { ...start, ...bound, end: Math.min(fileEnd, until.offset), verifyPayloads: true });
    }
    if (fileEnd < until.offset || one.header === null) {
      segment.end = Math.min(segment.end, fileEnd);
      segment.due = { lsn: until.lsn, offset: until.offset };
      this.#nextLsn = Math.max(this.#nextLsn, until.lsn);
      if (fileEnd < until.offset) return;
    }
    const rest = { from: until.offset, expectedLsn: until.lsn, end: fileEnd, verifyPayloads: true };
    await this.#scan(segment, { ...rest, boundLsn: Number.POSITIVE_INFINITY, exact: false, dueEnd: 0, sealed: false });
    this.#torn = segment.end < fileEnd && !(await isBlank(segment.file, segment.end));
    // What has lost its header is not continued in the same file.
    if (one.header !== null) this.#active = segment;
    else segment.due = { lsn: this.#nextLsn, offset: segment.end };
  }

  async #scanSealed(segment: Segment, due: { lsn: number; offset: number; exact: boolean }): Promise<void> {
    const end = due.exact && due.offset > 0 ? Math.min(segment.end, due.offset) : segment.end;
    const bound = { boundLsn: due.lsn, exact: due.exact, dueEnd: due.offset, sealed: true };
    await this.#scan(segment, { ...this.#startIn(segment), ...bound, end, verifyPayloads: true });
  }

  #startIn(segment: Segment): { from: number; expectedLsn: number } {
    const start = this.#start;
    if (start?.segment === segment.id) return { from: start.offset, expectedLsn: start.lsn + 1 };
    return { from: BLOCK_BYTES, expectedLsn: segment.firstLsn };
  }

  async #scan(segment: Segment, range: ScanRange): Promise<void> {
    const { checksum, onItem } = this.#options;
    const { logId } = this.#known;
    const seed = logId === null ? 0 : checksum(logId);
    for await (const item of scanSegment(segment.file, range, { checksum, seed })) {
      onItem?.(segment, item);
      this.#apply(segment, item);
    }
  }

  /** A segment is gone, and with it what the replay would have read there: at least one record. */
  #miss(entry: LedgerSegment, due: { lsn: number; offset: number; exact: boolean }): void {
    this.#missing.push({ ...entry, endLsn: due.exact ? due.lsn : 0, endOffset: due.exact ? due.offset : 0 });
    if (entry.id < (this.#start?.segment ?? 0)) return;
    const first = Math.max(entry.firstLsn, (this.#start?.lsn ?? 0) + 1);
    const lostRecords = due.exact ? Math.max(0, due.lsn - first) : 1;
    if (lostRecords > 0) this.#damaged(entry.id, { offset: 0, bytes: due.exact ? due.offset : 0, lostRecords });
  }

  #apply(segment: Segment, item: ScanItem): void {
    if (item.kind === 'damage') this.#damaged(segment.id, item);
    else if (item.kind === 'end') {
      segment.end = item.offset;
      this.#replayedLsn = item.nextLsn;
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
    const { lsn, payloadBytes } = header;
    const name = keyName(header.key);
    if (!payloadValid) this.#suspects.set(name, { segment: segment.id, offset, bytes: payloadBytes, lsn });
    else if (header.type === RecordType.put) {
      const { expiresS } = header;
      this.#index.set(header.key, { segment: segment.id, block: offset / BLOCK_BYTES, payloadBytes, lsn, expiresS });
      this.#suspects.delete(name);
    }
    segment.tombstones += item.removed.length;
    for (const key of item.removed) {
      for (const index of [this.#index, this.#expected]) {
        if ((index?.get(key)?.lsn ?? Number.POSITIVE_INFINITY) < item.removedBelow) index?.delete(key);
      }
      const suspect = this.#suspects.get(keyName(key));
      if (suspect && suspect.lsn < item.removedBelow) this.#suspects.delete(keyName(key));
    }
  }

  #damaged(segment: number, damage: { offset: number; bytes: number; lostRecords: number }): void {
    const { offset, bytes, lostRecords } = damage;
    this.#lostRecords += lostRecords;
    if (lostRecords > 0) this.#lostBytes += bytes;
    this.#options.onEvent({ kind: 'damage', segment, offset, bytes, lostRecords });
  }

  /** Entries of a checkpoint whose segment has been recycled, or is gone, or was cut before them. */
  #dropUnreachable(): void {
    const ends = new Map(this.#segments.map((segment) => [segment.id, segment.end]));
    const gone = new Map<number, Place[]>();
    for (const { key, place } of this.#index.entries()) {
      if (endOf(place) <= (ends.get(place.segment) ?? 0)) continue;
      this.#index.delete(key);
      if (this.#wasThere(place.segment)) gone.set(place.segment, [...(gone.get(place.segment) ?? []), place]);
    }
    for (const [segment, places] of gone) {
      const offset = Math.min(...places.map(offsetOf));
      const bytes = places.reduce((sum, { payloadBytes }) => sum + recordBytes(payloadBytes), 0);
      this.#damaged(segment, { offset, bytes, lostRecords: places.length });
    }
  }

  /** False for a segment that was removed in due form, after its objects had been copied. */
  #wasThere(id: number): boolean {
    if (this.#segments.some((segment) => segment.id === id)) return true;
    const { ledger } = this.#known;
    if (ledger.segments === null) return ledger.state === 'damaged';
    return ledger.segments.some((entry) => entry.id === id);
  }

  #reportSuspects(): void {
    for (const { segment, offset, bytes } of this.#suspects.values()) {
      this.#damaged(segment, { offset, bytes, lostRecords: 1 });
    }
  }

  #lostObjects(): { key: Uint8Array; place: Place }[] {
    const entries = [...(this.#expected?.entries() ?? [])];
    return entries.filter(({ key, place }) => !this.#index.has(key) && this.#wasThere(place.segment));
  }
}
