import { type Checksum } from '@longhaul/kv-core';
import { type Clock, invalidArgument } from '@longhaul/kernel';
import { type DiskFiles } from './disk-files.js';
import { type FolderRights } from './folder-rights.js';
import { BLOCK_BYTES } from './record-format.js';

/** Time, as the disk tier sees it. */
export type DiskClock = Pick<Clock, 'monotonicMs' | 'after'>;

export interface DiskTierOptions {
  /** Created if it is missing. One process at a time. */
  readonly directory: string;
  /** Bytes on the medium, records and padding included; compaction may exceed it by a quarter of a segment. */
  readonly limitBytes: number;
  /** 1 GiB; a multiple of 4096 between 64 KiB and 4 GiB. Bounds the size of an object. */
  readonly segmentBytes?: number;
  /** How far ahead the active segment is preallocated: 64 MiB. */
  readonly preallocateBytes?: number;
  /** A write waits this long for company before it is synced: 5 ms. */
  readonly syncIntervalMs?: number;
  /** ... or until this much waits: 64 MiB. */
  readonly syncBytes?: number;
  /** Bytes of puts that may wait or be under way; further puts fail with KV_BUSY. 256 MiB. */
  readonly maxQueuedBytes?: number;
  /** Log bytes between two checkpoints: 256 MiB. */
  readonly checkpointBytes?: number;
  /** How often a tier that cannot write tries again: 5 s. */
  readonly probeIntervalMs?: number;
  /** Share of the live bytes that is read and verified per hour: 0.01. 0: none. */
  readonly scrubPerHour?: number;
  /** Default: the native CRC32C. */
  readonly checksum?: Checksum;
  readonly clock?: DiskClock;
  readonly files?: DiskFiles;
  /** Told of everything an operator may want to see. Must not throw. */
  readonly onEvent?: (event: DiskEvent) => void;
}

/** What recovery found. */
export interface RecoveryReport {
  readonly objects: number;
  readonly segments: number;
  readonly nextLsn: number;
  /** Lsn of the checkpoint it started from, 0 without one. */
  readonly checkpointLsn: number;
  readonly damagedCheckpoints: number;
  readonly scannedRecords: number;
  readonly scannedBytes: number;
  /** Records that were acknowledged and are damaged or missing. Without a checkpoint some of them may have been removed. */
  readonly lostRecords: number;
  /** Bytes of the log that they took, as far as it is known. */
  readonly lostBytes: number;
  /** Not blank behind the end of what was acknowledged: a write that was under way. */
  readonly tornTail: boolean;
  /** `none`: the log is of a time before ledgers. `missing` and `damaged`: its last records may be lost without a trace. */
  readonly ledger: 'none' | 'whole' | 'damaged' | 'missing';
  readonly millis: number;
}

/** A range of a segment in which records are damaged or missing. */
export interface DamageFound {
  readonly kind: 'damage';
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly lostRecords: number;
}

export type DiskEvent =
  | ({ readonly kind: 'rights' } & FolderRights)
  | { readonly kind: 'recovered'; readonly report: RecoveryReport }
  | DamageFound
  /** A file that is no segment of this log was renamed to `*.damaged`. */
  | { readonly kind: 'set_aside'; readonly name: string }
  /** Gone from the index because its bytes are damaged. */
  | { readonly kind: 'quarantined'; readonly key: Uint8Array; readonly bytes: number; readonly message: string }
  | { readonly kind: 'unwritable'; readonly reason: string; readonly message: string }
  | { readonly kind: 'writable' }
  | { readonly kind: 'compacted'; readonly segment: number; readonly movedBytes: number; readonly freedBytes: number }
  | { readonly kind: 'checkpointed'; readonly lsn: number; readonly bytes: number }
  /** A step that is repeated later (punching, compaction, checkpoint) failed. */
  | { readonly kind: 'maintenance_failed'; readonly step: string; readonly message: string };

/** Gauges and counters of the tier. */
export interface DiskStats {
  readonly objects: number;
  readonly segments: number;
  readonly usedBytes: number;
  readonly liveBytes: number;
  readonly limitBytes: number;
  readonly queuedBytes: number;
  readonly queuedWrites: number;
  readonly maxQueuedBytes: number;
  readonly indexMemoryBytes: number;
  readonly writtenBytes: number;
  readonly readBytes: number;
  readonly syncs: number;
  readonly compactions: number;
  readonly quarantined: number;
  readonly scrubbedBytes: number;
  /** False: the file system does not know direct I/O, reads and writes go through the page cache. */
  readonly directIo: boolean;
}

export type DiskSettings = Required<Omit<DiskTierOptions, 'checksum' | 'clock' | 'files'>>;

const MIB = 1 << 20;
const MIN_SEGMENT_BYTES = 64 << 10;
const MAX_SEGMENT_BYTES = 4 * 1024 * MIB;

/** Fills in the defaults. Throws AppError INVALID_ARGUMENT. */
export function diskSettings(options: DiskTierOptions): DiskSettings {
  const settings: DiskSettings = {
    directory: options.directory,
    limitBytes: options.limitBytes,
    segmentBytes: options.segmentBytes ?? 1024 * MIB,
    preallocateBytes: options.preallocateBytes ?? 64 * MIB,
    syncIntervalMs: options.syncIntervalMs ?? 5,
    syncBytes: options.syncBytes ?? 64 * MIB,
    maxQueuedBytes: options.maxQueuedBytes ?? 256 * MIB,
    checkpointBytes: options.checkpointBytes ?? 256 * MIB,
    probeIntervalMs: options.probeIntervalMs ?? 5000,
    scrubPerHour: options.scrubPerHour ?? 0.01,
    onEvent: options.onEvent ?? (() => undefined),
  };
  const { segmentBytes } = settings;
  if (segmentBytes % BLOCK_BYTES !== 0 || segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > MAX_SEGMENT_BYTES) {
    throw invalidArgument('segmentBytes', 'segmentBytes must be a multiple of 4096 between 64 KiB and 4 GiB.');
  }
  for (const field of ['limitBytes', 'preallocateBytes', 'syncBytes', 'maxQueuedBytes', 'checkpointBytes'] as const) {
    if (!(settings[field] > 0)) throw invalidArgument(field, `${field} must be positive.`);
  }
  if (!(settings.scrubPerHour >= 0 && settings.scrubPerHour <= 1)) {
    throw invalidArgument('scrubPerHour', 'scrubPerHour must be between 0 and 1.');
  }
  return settings;
}
