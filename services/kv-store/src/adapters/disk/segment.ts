import { join } from 'node:path';
import { type BlockFile } from '@longhaul/kv-native';
import { BLOCK_BYTES, recordBytes } from './record-format.js';
import { type Place } from './record-index.js';
import { segmentName } from './segment-format.js';

/** One file of the log. The last one is active: records are appended to it. The others are sealed. */
export class Segment {
  readonly id: number;
  readonly path: string;
  readonly firstLsn: number;
  file: BlockFile;
  /** Where the next record goes, or went no more. */
  end: number;
  /** Up to here the file system has reserved space. */
  allocatedEnd: number;
  /** Bytes of records that the index points to. */
  liveBytes = 0;
  /** Keys in tombstones, which count as long as an older segment may hold a record of the key. */
  tombstones = 0;
  /** The lsn after its last record and the offset behind it, whether or not they are there; null while it is active. */
  due: { readonly lsn: number; readonly offset: number } | null = null;
  /** Bytes on the medium: allocated blocks once sealed, until then what is written. */
  physicalBytes: number;
  /** Dead records to be punched when the segment is sealed. */
  readonly dead: Place[] = [];

  constructor(directory: string, id: number, from: { firstLsn: number; file: BlockFile; end: number }) {
    this.id = id;
    this.path = join(directory, segmentName(id));
    this.firstLsn = from.firstLsn;
    this.file = from.file;
    this.end = from.end;
    this.allocatedEnd = from.end;
    this.physicalBytes = from.end;
  }

  get recordBytes(): number {
    return this.end - BLOCK_BYTES;
  }
}

export function offsetOf(place: Place): number {
  return place.block * BLOCK_BYTES;
}

export function endOf(place: Place): number {
  return offsetOf(place) + recordBytes(place.payloadBytes);
}
