import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Checksum } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { diskError } from '@longhaul/kv-native';
import { type DiskFiles } from './disk-files.js';
import { Ledger } from './ledger.js';
import { LedgerKeeper } from './ledger-keeper.js';
import { type DiskSettings } from './options.js';
import {
  BLOCK_BYTES,
  encodeRecordHeader,
  HEADER_BYTES,
  type HeaderCheck,
  isTombstone,
  recordBytes,
  type RecordType,
} from './record-format.js';
import { type Place, type RecordIndex } from './record-index.js';
import { type Recovery } from './recover.js';
import { encodeSegmentHeader, LOG_ID_BYTES, segmentName } from './segment-format.js';
import { endOf, offsetOf, Segment } from './segment.js';

/** A record to be appended. Exactly one of the last three is called. */
export interface RecordWrite {
  readonly type: RecordType;
  readonly key: Uint8Array;
  readonly payload: Uint8Array;
  readonly payloadCrc: number;
  /** Unix seconds, of an object that is not to be served for ever. */
  readonly expiresS?: number;
  /** Asked last thing before it is written. */
  wanted(): boolean;
  /** It is on the medium. */
  committed(place: Place): void;
  /** It was not wanted; what was appended before it is on the medium. */
  skipped(): void;
  failed(error: AppError): void;
}

/** Space at the end of every segment that only tombstones may take: a full disk can still forget. */
const RESERVE_BYTES = 64 << 10;
/** Blocks of a segment are numbered below this. */
const BLOCKS_OF_SEGMENT = 1 << 20;
const PADDING = new Uint8Array(BLOCK_BYTES);

/**
 * The append-only log on disk and the index over it. One append at a time (the write queue sees to that); everything
 * else may run beside it. Methods that write reject with AppErrors of a `KV_DISK_` reason and leave the index as it was.
 */
export class DiskLog {
  readonly files: DiskFiles;
  readonly directory: string;
  readonly index: RecordIndex;
  readonly check: HeaderCheck;
  readonly logId: Uint8Array;
  readonly segments = new Map<number, Segment>();
  /** Out of the index, and in the log still as long as their tombstone is not on the medium. By name of the key. */
  readonly leaving = new Map<string, { readonly key: Uint8Array; readonly place: Place }>();
  checkpointFileBytes = 0;
  writtenBytes = 0;
  syncs = 0;
  readonly #settings: DiskSettings;
  readonly #recovery: Recovery;
  readonly #ledger: LedgerKeeper;
  readonly #reserveBytes: number;
  #active: Segment | null;
  #nextLsn: number;
  #lastSegment: number;
  #prepared = false;
  /** A segment that was begun and failed. */
  #abandoned: string | null = null;
  /** Bytes behind the end of the active segment that were written and not committed. */
  #tailDirty = true;
  /** Reads under way, by record. */
  readonly #reads = new Map<number, number>();
  /** Dead records to be punched when the last read of them ends. */
  readonly #deferred = new Map<number, Place>();

  constructor(recovery: Recovery, settings: DiskSettings, tools: { files: DiskFiles; checksum: Checksum }) {
    this.#settings = settings;
    this.#recovery = recovery;
    this.files = tools.files;
    this.directory = settings.directory;
    this.index = recovery.index;
    this.logId = recovery.logId ?? new Uint8Array(randomBytes(LOG_ID_BYTES));
    this.check = { checksum: tools.checksum, seed: tools.checksum(this.logId) };
    for (const segment of recovery.segments) this.segments.set(segment.id, segment);
    this.#active = recovery.active;
    this.#nextLsn = recovery.nextLsn;
    const ledger = new Ledger(tools.files, settings.directory, tools.checksum);
    this.#ledger = new LedgerKeeper(this, ledger, { missing: recovery.missing, onEvent: settings.onEvent });
    this.#lastSegment = Math.max(-1, ...[...recovery.segments, ...recovery.missing].map(({ id }) => id));
    this.#reserveBytes = Math.min(RESERVE_BYTES, floorBlocks(settings.segmentBytes / 8));
  }

  /** Largest object that fits a segment. */
  get maxObjectBytes(): number {
    return this.#settings.segmentBytes - BLOCK_BYTES - this.#reserveBytes - HEADER_BYTES;
  }

  get active(): Segment | null {
    return this.#active;
  }

  get lastLsn(): number {
    return this.#nextLsn - 1;
  }

  get usedBytes(): number {
    let sum = this.checkpointFileBytes;
    for (const segment of this.segments.values()) sum += segment.physicalBytes;
    return sum;
  }

  get liveBytes(): number {
    let sum = 0;
    for (const segment of this.segments.values()) sum += segment.liveBytes;
    return sum;
  }

  /** Oldest first. */
  get sealed(): Segment[] {
    return [...this.segments.values()].filter((segment) => segment !== this.#active).sort((a, b) => a.id - b.id);
  }

  insert(key: Uint8Array, place: Place): void {
    this.drop(key);
    this.index.set(key, place);
    const segment = this.segments.get(place.segment);
    if (segment) segment.liveBytes += recordBytes(place.payloadBytes);
  }

  drop(key: Uint8Array): Place | undefined {
    const place = this.index.delete(key);
    const segment = place && this.segments.get(place.segment);
    if (segment) segment.liveBytes -= recordBytes(place.payloadBytes);
    return place;
  }

  /** Makes the folder ready for appending, and the end of the log clean after a failed write. */
  async prepare(): Promise<void> {
    if (this.#abandoned !== null) {
      await this.files.remove(this.#abandoned);
      await this.files.syncDirectory(this.directory);
      this.#abandoned = null;
    }
    if (!this.#prepared) await this.#adopt();
    if (this.#tailDirty) await this.#cleanTail();
    if (!this.#prepared) await this.#ledger.open();
    if (this.#active === null) await this.rotate();
    this.#prepared = true;
    await this.#ledger.refresh();
  }

  async #cleanTail(): Promise<void> {
    const active = this.#active;
    if (active !== null) {
      await active.file.truncate(active.end);
      await active.file.sync();
      active.allocatedEnd = active.end;
    }
    this.#tailDirty = false;
  }

  /** Appends in order and syncs. On failure the writes that were not called `committed` or `skipped` have no effect. */
  async append(writes: readonly RecordWrite[]): Promise<void> {
    await this.prepare();
    const skipped: RecordWrite[] = [];
    let run: RecordWrite[] = [];
    let bytes = 0;
    for (const write of writes) {
      if (!write.wanted()) {
        skipped.push(write);
        continue;
      }
      if (!this.#fits(write, bytes)) {
        await this.#writeRun(run);
        [run, bytes] = [[], 0];
        await this.rotate();
      }
      run.push(write);
      bytes += recordBytes(write.payload.length);
    }
    await this.#writeRun(run);
    for (const write of skipped) write.skipped();
  }

  /** Seals the active segment, if any, and begins the next. Only between appends. */
  async rotate(): Promise<void> {
    const old = this.#active;
    const id = this.#lastSegment + 1;
    const path = join(this.directory, segmentName(id));
    const file = await this.files.open(path, 'create');
    const segment = new Segment(this.directory, id, { firstLsn: this.#nextLsn, file, end: BLOCK_BYTES });
    try {
      await file.allocate(0, BLOCK_BYTES + this.#reserveBytes);
      segment.allocatedEnd = BLOCK_BYTES + this.#reserveBytes;
      // From here on the file would be taken for the active segment: it must go before anything else is appended.
      this.#abandoned = path;
      await file.writeAt(
        [encodeSegmentHeader({ logId: this.logId, id, firstLsn: this.#nextLsn, ledgered: true }, this.check.checksum)],
        0,
      );
      await file.sync();
      await this.files.syncDirectory(this.directory);
      await this.#ledger.begin(segment);
      this.#abandoned = null;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.segments.set(id, segment);
    this.#lastSegment = id;
    this.#active = segment;
    if (old === null) return;
    old.due = { lsn: this.#nextLsn, offset: old.end };
    await this.#seal(old);
  }

  /** Keeps the bytes of a record while `read` runs, whatever happens to it. */
  async reading<T>(place: Place, read: (segment: Segment) => Promise<T>): Promise<T> {
    const segment = this.segments.get(place.segment);
    if (!segment) throw new Error('a place outside the log');
    const id = readId(place);
    this.#reads.set(id, (this.#reads.get(id) ?? 0) + 1);
    try {
      return await read(segment);
    } finally {
      const left = (this.#reads.get(id) ?? 1) - 1;
      if (left > 0) this.#reads.set(id, left);
      else {
        this.#reads.delete(id);
        const dead = this.#deferred.get(id);
        this.#deferred.delete(id);
        if (dead) await this.reclaim([dead]);
      }
    }
  }

  /**
   * Gives the space of dead records back: at once in sealed segments, when the active one is sealed, when reads of them
   * end. Their tombstone must be on the medium. The header's block stays, for recovery finds the next record by it.
   */
  async reclaim(places: readonly Place[], touched?: Segment): Promise<void> {
    const segments = new Set<Segment>(touched ? [touched] : []);
    const punches: Promise<void>[] = [];
    for (const place of places) {
      const segment = this.segments.get(place.segment);
      if (!segment) continue;
      if (segment === this.#active) segment.dead.push(place);
      else if (this.#reads.has(readId(place))) this.#deferred.set(readId(place), place);
      else {
        const hole = offsetOf(place) + BLOCK_BYTES;
        if (endOf(place) > hole) punches.push(this.#punch(segment, hole, endOf(place) - hole));
        segments.add(segment);
      }
    }
    await Promise.all(punches);
    for (const segment of segments) if (this.segments.has(segment.id)) await this.measure(segment);
  }

  /** Takes a sealed segment out of the log and off the medium. Reads under way end first. */
  async removeSegment(segment: Segment): Promise<void> {
    await this.#ledger.forget(segment.id, async () => {
      await this.files.remove(segment.path);
      this.segments.delete(segment.id);
    });
    await this.files.syncDirectory(this.directory);
    await segment.file.close();
  }

  /** Segments that are gone are taken for settled. Rejects as writes do. */
  async forgetMissing(): Promise<void> {
    await this.prepare();
    await this.#ledger.forgetMissing();
  }

  async closeFiles(): Promise<void> {
    await this.#ledger.close();
    for (const segment of this.segments.values()) await segment.file.close();
  }

  async measure(segment: Segment): Promise<void> {
    if (segment !== this.#active) segment.physicalBytes = (await segment.file.status()).allocatedBytes;
  }

  /** Not before the next segment is there: on a full disk tombstones still go to the old one's reserve. */
  async #seal(segment: Segment): Promise<void> {
    try {
      await segment.file.truncate(segment.end);
      await segment.file.sync();
      segment.allocatedEnd = segment.end;
      await this.reclaim(segment.dead.splice(0), segment);
    } catch (error) {
      this.#settings.onEvent({ kind: 'maintenance_failed', step: 'seal', message: AppError.from(error).message });
    }
  }

  /** Space that is not given back now comes back with the segment. */
  async #punch(segment: Segment, offset: number, bytes: number): Promise<void> {
    try {
      await segment.file.punchHole(offset, bytes);
    } catch (error) {
      const { message } = AppError.from(error);
      this.#settings.onEvent({ kind: 'maintenance_failed', step: 'punch', message });
    }
  }

  /** What recovery left to do on the disk. */
  async #adopt(): Promise<void> {
    await this.files.ownDirectory(this.directory);
    for (const name of this.#recovery.blank) await this.files.remove(join(this.directory, name));
    const names = await this.files.list(this.directory);
    for (const name of names) if (name.endsWith('.tmp')) await this.files.remove(join(this.directory, name));
    for (const name of this.#recovery.foreign.filter((one) => names.includes(one))) {
      await this.files.rename(join(this.directory, name), join(this.directory, `${name}.damaged`));
      this.#settings.onEvent({ kind: 'set_aside', name });
    }
    await this.files.syncDirectory(this.directory);
    const active = this.#active;
    if (active === null) return;
    const file = await this.files.open(active.path, 'write');
    const old = active.file;
    active.file = file;
    await old.close();
    active.physicalBytes = active.end;
  }

  #fits(write: RecordWrite, pending: number): boolean {
    const room = this.#settings.segmentBytes - (isTombstone(write.type) ? 0 : this.#reserveBytes);
    return this.#active !== null && this.#active.end + pending + recordBytes(write.payload.length) <= room;
  }

  async #writeRun(run: readonly RecordWrite[]): Promise<void> {
    const active = this.#active;
    if (active === null || run.length === 0) return;
    const total = run.reduce((sum, write) => sum + recordBytes(write.payload.length), 0);
    const mayUseReserve = run.every(({ type }) => isTombstone(type));
    await this.#reserve(active, active.end + total, mayUseReserve);
    const buffers = run.flatMap((write, i) => this.#encode(write, this.#nextLsn + i));
    this.#tailDirty = true;
    await active.file.writeAt(buffers, active.end);
    await active.file.sync();
    this.#tailDirty = false;
    this.syncs++;
    this.writtenBytes += total;
    const end = { lsn: this.lastLsn + run.length, segment: active.id, offset: active.end + total };
    await this.#ledger.acknowledge(end);
    for (const write of run) {
      const lsn = this.#nextLsn++;
      const payloadBytes = write.payload.length;
      const block = active.end / BLOCK_BYTES;
      const place = { segment: active.id, block, payloadBytes, lsn, expiresS: write.expiresS ?? 0 };
      active.end += recordBytes(write.payload.length);
      active.physicalBytes = active.end;
      write.committed(place);
    }
  }

  #encode(write: RecordWrite, lsn: number): Uint8Array[] {
    const { type, key, payload, payloadCrc, expiresS = 0 } = write;
    const fields = { type, lsn, key, payloadCrc, payloadBytes: payload.length, expiresS };
    const header = encodeRecordHeader(fields, this.check);
    const padding = recordBytes(payload.length) - HEADER_BYTES - payload.length;
    return [header, payload, PADDING.subarray(0, padding)];
  }

  /** Preallocates in large steps, at least up to `end` and the reserve for tombstones. */
  async #reserve(active: Segment, end: number, mayUseReserve: boolean): Promise<void> {
    const { segmentBytes, preallocateBytes } = this.#settings;
    const least = Math.min(segmentBytes, end + this.#reserveBytes);
    if (active.allocatedEnd >= least) return;
    const step = Math.min(segmentBytes, Math.ceil(least / preallocateBytes) * floorBlocks(preallocateBytes));
    for (const target of [Math.max(least, step), least]) {
      try {
        await active.file.allocate(active.allocatedEnd, target - active.allocatedEnd);
        active.allocatedEnd = target;
        return;
      } catch (error) {
        if (target === least && !(mayUseReserve && active.allocatedEnd >= end)) throw diskError(error, active.path);
      }
    }
  }
}

function floorBlocks(bytes: number): number {
  return Math.max(BLOCK_BYTES, bytes - (bytes % BLOCK_BYTES));
}

function readId(place: Place): number {
  return place.segment * BLOCKS_OF_SEGMENT + place.block;
}
