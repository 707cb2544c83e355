import { type Checksum } from '@longhaul/kv-core';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { crc32c } from '@longhaul/kv-native';
import { keepCheckpoints } from './checkpoint.js';
import { type DiskFiles, nativeFiles } from './disk-files.js';
import { openDiskTier } from './disk-tier.js';
import { type FolderTools } from './found-segments.js';
import { readLedger } from './ledger.js';
import { type DamageFound, type DiskEvent, type RecoveryReport } from './options.js';
import { recordBytes, RecordType } from './record-format.js';
import { type Place } from './record-index.js';
import { recoverLog, type Recovery } from './recover.js';
import { offsetOf } from './segment.js';

export interface InspectOptions {
  readonly files?: DiskFiles;
  readonly checksum?: Checksum;
}

/** One line of a listing of the log. */
export type LogItem =
  | {
      readonly kind: 'record';
      readonly segment: number;
      readonly offset: number;
      readonly lsn: number;
      readonly type: 'put' | 'tombstone' | 'mark' | 'carried';
      readonly key: Uint8Array;
      /** Of the object; 0 for other records. */
      readonly objectBytes: number;
      /** Keys a tombstone removes. */
      readonly removes: number;
      /** `live`: served. `dead`: removed or superseded. `damaged`: its payload is not what was written, and nothing removed it. */
      readonly state: 'live' | 'dead' | 'damaged';
    }
  | DamageFound;

export interface SegmentListing {
  readonly id: number;
  readonly path: string;
  readonly firstLsn: number;
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly liveBytes: number;
  readonly active: boolean;
}

export interface LogListing {
  readonly segments: readonly SegmentListing[];
  readonly items: readonly LogItem[];
  readonly report: RecoveryReport;
  /** Files that are no segments of this log. */
  readonly foreign: readonly string[];
  /** Objects that the newest checkpoint knows, that nothing has removed and that are gone. */
  readonly lost: readonly LostObject[];
  /** Nothing damaged, missing or foreign. A torn tail was never acknowledged and is no damage. */
  readonly sound: boolean;
}

/** An object that is gone, and where it was. */
export interface LostObject {
  readonly key: Uint8Array;
  readonly segment: number;
  readonly offset: number;
  readonly objectBytes: number;
}

/** How often a log that changes while it is read is read again. */
const ATTEMPTS = 5;

const TYPE_NAMES = {
  [RecordType.put]: 'put',
  [RecordType.tombstone]: 'tombstone',
  [RecordType.mark]: 'mark',
  [RecordType.carried]: 'carried',
} as const;

/**
 * Reads the whole log, every payload included, and changes nothing; may run beside a store that has it open, whose
 * latest writes then look like a torn tail. Rejects with `KV_DISK_IO`.
 */
export async function inspectLog(directory: string, options: InspectOptions = {}): Promise<LogListing> {
  const files = options.files ?? nativeFiles;
  const checksum = options.checksum ?? crc32c;
  for (let attempt = 1; ; attempt++) {
    const { listing, ledgerCount } = await readWholeLog({ files, checksum, directory });
    if (listing.sound || attempt === ATTEMPTS) return listing;
    // A store that runs beside has taken a segment out meanwhile, or it was writing what could not be read.
    const now = await readLedger(files, directory, checksum);
    if (now.count === ledgerCount && (now.state !== 'whole' || listing.report.ledger === 'whole')) return listing;
  }
}

async function readWholeLog(
  tools: Pick<FolderTools, 'files' | 'checksum' | 'directory'>,
): Promise<{ listing: LogListing; ledgerCount: number }> {
  const records: (Extract<LogItem, { kind: 'record' }> & { readonly whole: boolean })[] = [];
  const damage: DamageFound[] = [];
  const recovery = await recoverLog({
    ...{ ...tools, mode: 'read', useCheckpoint: false, now: monotonicMs },
    onEvent: (event) => {
      if (event.kind === 'damage') damage.push(event);
    },
    onItem: ({ id: segment }, item) => {
      if (item.kind !== 'record') return;
      const { type, lsn, key, payloadBytes } = item.header;
      const objectBytes = type === RecordType.put ? payloadBytes : 0;
      const what = { type: TYPE_NAMES[type], key, objectBytes, removes: item.removed.length, state: 'dead' } as const;
      records.push({ kind: 'record', segment, offset: item.offset, lsn, ...what, whole: item.payloadValid });
    },
  });
  const isDamaged = new Set(damage.map(({ segment, offset }) => `${String(segment)}:${String(offset)}`));
  const items = records.map(({ whole, ...record }): LogItem => {
    const live = whole && record.type === 'put' && recovery.index.get(record.key)?.lsn === record.lsn;
    const damaged = isDamaged.has(`${String(record.segment)}:${String(record.offset)}`);
    return { ...record, state: damaged ? 'damaged' : live ? 'live' : 'dead' };
  });
  const order = (item: LogItem): number => item.segment * 2 ** 33 + item.offset;
  const all = [...items, ...damage].sort((a, b) => order(a) - order(b));
  const { report, foreign, ledgerCount } = recovery;
  const lost = recovery.lost.map(({ key, place }) => lostObject(key, place));
  const isLedgerRight = report.ledger === 'whole' || report.ledger === 'none';
  const isWhole = damage.length === 0 && lost.length === 0 && isLedgerRight;
  const sound = isWhole && report.damagedCheckpoints === 0 && foreign.length === 0;
  return { listing: { segments: await listSegments(recovery), items: all, report, foreign, lost, sound }, ledgerCount };
}

function lostObject(key: Uint8Array, place: Place): LostObject {
  return { key, segment: place.segment, offset: offsetOf(place), objectBytes: place.payloadBytes };
}

/** Closes their files. */
async function listSegments({ segments, active }: Recovery): Promise<SegmentListing[]> {
  const listings: SegmentListing[] = [];
  for (const segment of segments) {
    const { bytes, allocatedBytes } = await segment.file.status();
    await segment.file.close();
    const { id, path, firstLsn, liveBytes } = segment;
    listings.push({ id, path, firstLsn, bytes, allocatedBytes, liveBytes, active: segment === active });
  }
  return listings;
}

export interface VerifyReport {
  readonly objects: number;
  readonly objectBytes: number;
  readonly garbageBytes: number;
  /** Records that were acknowledged and are damaged or missing. */
  readonly damagedRecords: number;
  readonly tornTail: boolean;
  /** As of the listing. */
  readonly sound: boolean;
  /** Objects that repairing took out. */
  readonly quarantined: number;
  readonly repaired: boolean;
  readonly listing: LogListing;
}

/**
 * Verifies every record. With `repair` (no store may have the log open: `KV_DISK_LOCKED`): cuts a torn tail, takes
 * damaged objects out, rewrites the segments with damage, settles what is lost, sets foreign files aside, compacts and
 * writes a checkpoint; the report is of the log before.
 */
export async function verifyLog(
  directory: string,
  options: InspectOptions & { readonly repair?: boolean } = {},
): Promise<VerifyReport> {
  const listing = await inspectLog(directory, options);
  const quarantined = options.repair === true ? await repairLog(directory, listing, options) : 0;
  const live = listing.items.filter((item) => item.kind === 'record' && item.state === 'live');
  const objectBytes = live.reduce((sum, item) => sum + (item.kind === 'record' ? item.objectBytes : 0), 0);
  const used = listing.segments.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const needed = live.reduce((sum, item) => sum + (item.kind === 'record' ? recordBytes(item.objectBytes) : 0), 0);
  const { lostRecords, tornTail } = listing.report;
  return {
    ...{ objects: live.length, objectBytes, garbageBytes: Math.max(0, used - needed) },
    ...{ damagedRecords: lostRecords, tornTail, quarantined, repaired: options.repair === true, listing },
    sound: listing.sound,
  };
}

async function repairLog(directory: string, listing: LogListing, options: InspectOptions): Promise<number> {
  const damage = listing.items.filter((item) => item.kind === 'damage');
  let quarantined = 0;
  const onEvent = (event: DiskEvent): void => {
    if (event.kind === 'quarantined') quarantined++;
  };
  const tier = await openDiskTier({
    ...options,
    directory,
    limitBytes: Number.MAX_SAFE_INTEGER,
    scrubPerHour: 0,
    onEvent,
  });
  try {
    const { writable, reason } = tier.health;
    if (!writable)
      throw new AppError({ code: 'FAILED_PRECONDITION', reason, message: `${directory} cannot be written.` });
    await tier.scrub(Number.POSITIVE_INFINITY);
    await tier.settle(new Set(damage.map(({ segment }) => segment)));
    await tier.compact();
    await tier.checkpoint();
    // The one before may be damaged, too.
    await keepCheckpoints(options.files ?? nativeFiles, directory, 1);
  } finally {
    await tier.close();
  }
  return quarantined;
}
