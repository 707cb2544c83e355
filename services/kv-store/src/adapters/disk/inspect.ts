import { type Checksum } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { crc32c } from '@longhaul/kv-native';
import { type DiskFiles, nativeFiles } from './disk-files.js';
import { openDiskTier } from './disk-tier.js';
import { type DamageFound, type DiskEvent, type RecoveryReport } from './options.js';
import { recordBytes, RecordType } from './record-format.js';
import { recoverLog } from './recover.js';

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
}

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
  const records: (Extract<LogItem, { kind: 'record' }> & { readonly whole: boolean })[] = [];
  const damage: LogItem[] = [];
  const recovery = await recoverLog({
    ...{ files: options.files ?? nativeFiles, checksum: options.checksum ?? crc32c, directory },
    ...{ mode: 'read', useCheckpoint: false, now: () => performance.now() },
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
  const segments: SegmentListing[] = [];
  for (const segment of recovery.segments) {
    const { bytes, allocatedBytes } = await segment.file.status();
    await segment.file.close();
    const { id, path, firstLsn, liveBytes } = segment;
    segments.push({ id, path, firstLsn, bytes, allocatedBytes, liveBytes, active: segment === recovery.active });
  }
  const order = (item: LogItem): number => item.segment * 2 ** 33 + item.offset;
  const all = [...items, ...damage].sort((a, b) => order(a) - order(b));
  return { segments, items: all, report: recovery.report, foreign: recovery.foreign };
}

export interface VerifyReport {
  readonly objects: number;
  readonly objectBytes: number;
  readonly garbageBytes: number;
  readonly damagedRecords: number;
  readonly tornTail: boolean;
  /** Nothing damaged, missing or foreign. A torn tail is what a crash leaves and is no damage. */
  readonly sound: boolean;
  /** Objects that repairing took out. */
  readonly quarantined: number;
  readonly repaired: boolean;
  readonly listing: LogListing;
}

/**
 * Verifies every record. With `repair` (no store may have the log open: `KV_DISK_LOCKED`): cuts a torn tail, takes
 * damaged objects out, sets foreign files aside, compacts and writes a checkpoint; the report is of the log before.
 */
export async function verifyLog(
  directory: string,
  options: InspectOptions & { readonly repair?: boolean } = {},
): Promise<VerifyReport> {
  const listing = await inspectLog(directory, options);
  const quarantined = options.repair === true ? await repairLog(directory, options) : 0;
  const live = listing.items.filter((item) => item.kind === 'record' && item.state === 'live');
  const objectBytes = live.reduce((sum, item) => sum + (item.kind === 'record' ? item.objectBytes : 0), 0);
  const used = listing.segments.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const needed = live.reduce((sum, item) => sum + (item.kind === 'record' ? recordBytes(item.objectBytes) : 0), 0);
  const { lostRecords, damagedCheckpoints, tornTail } = listing.report;
  return {
    ...{ objects: live.length, objectBytes, garbageBytes: Math.max(0, used - needed) },
    ...{ damagedRecords: lostRecords, tornTail, quarantined, repaired: options.repair === true, listing },
    sound: lostRecords === 0 && damagedCheckpoints === 0 && listing.foreign.length === 0,
  };
}

async function repairLog(directory: string, options: InspectOptions): Promise<number> {
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
    await tier.compact();
    await tier.checkpoint();
  } finally {
    await tier.close();
  }
  return quarantined;
}
