import { type Checksum } from '@longhaul/kv-core';
import { BLOCK_BYTES } from './record-format.js';
import { LOG_ID_BYTES } from './segment-format.js';

/** A segment as the ledger knows it. */
export interface LedgerSegment {
  readonly id: number;
  readonly firstLsn: number;
  /** The lsn after its last record and the offset behind it. Both 0: it is active, or its end is not known. */
  readonly endLsn: number;
  readonly endOffset: number;
}

/** The end of what has been acknowledged: a lower bound, for it may lag behind by the writes under way. */
export interface AcknowledgedEnd {
  /** Last lsn. */
  readonly lsn: number;
  readonly segment: number;
  /** Offset behind the record. */
  readonly offset: number;
}

/** Two blocks of marks, then two copies of the list. */
export const MARKS = 2;
const MARK_MAGIC = 0x314b43414b484c4cn;
const MARK_BYTES = 64;
const MARK_CRC_AT = 56;
const LIST_MAGIC = 0x3154534c4b484c4cn;
const LIST_HEADER_BYTES = 48;
const LIST_CRC_AT = 44;
const ENTRY_BYTES = 32;

export interface Mark extends AcknowledgedEnd {
  readonly logId: Uint8Array;
  /** Grows with each mark: the higher of the two is the newer. */
  readonly count: number;
}

export interface SegmentList {
  readonly logId: Uint8Array;
  /** Grows with each change. */
  readonly count: number;
  readonly segments: readonly LedgerSegment[];
}

/** One block. What matters lies in its first sector, which the medium writes whole or not at all. */
export function encodeMark(mark: Mark, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, MARK_MAGIC, true);
  bytes.set(mark.logId, 8);
  for (const [i, value] of [mark.count, mark.lsn, mark.segment, mark.offset].entries()) {
    view.setFloat64(24 + 8 * i, value, true);
  }
  view.setUint32(MARK_CRC_AT, checksum(bytes.subarray(0, MARK_CRC_AT)), true);
  return bytes;
}

/** Null for anything that is no whole mark. */
export function decodeMark(bytes: Uint8Array, checksum: Checksum): Mark | null {
  if (bytes.length < MARK_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, MARK_BYTES);
  if (view.getBigUint64(0, true) !== MARK_MAGIC) return null;
  if (view.getUint32(MARK_CRC_AT, true) !== checksum(bytes.subarray(0, MARK_CRC_AT))) return null;
  const logId = bytes.slice(8, 8 + LOG_ID_BYTES);
  const [count, lsn] = [view.getFloat64(24, true), view.getFloat64(32, true)];
  return { logId, count, lsn, segment: view.getFloat64(40, true), offset: view.getFloat64(48, true) };
}

/** Room for a list of so many segments, in whole blocks. */
export function listBytes(segments: number): number {
  return Math.ceil((LIST_HEADER_BYTES + segments * ENTRY_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
}

export function encodeList(list: SegmentList, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(listBytes(list.segments.length));
  const view = new DataView(bytes.buffer);
  for (const [i, { id, firstLsn, endLsn, endOffset }] of list.segments.entries()) {
    const at = LIST_HEADER_BYTES + i * ENTRY_BYTES;
    for (const [j, value] of [id, firstLsn, endLsn, endOffset].entries()) view.setFloat64(at + 8 * j, value, true);
  }
  view.setBigUint64(0, LIST_MAGIC, true);
  bytes.set(list.logId, 8);
  view.setFloat64(24, list.count, true);
  view.setFloat64(32, list.segments.length, true);
  const end = LIST_HEADER_BYTES + list.segments.length * ENTRY_BYTES;
  view.setUint32(40, checksum(bytes.subarray(LIST_HEADER_BYTES, end)), true);
  view.setUint32(LIST_CRC_AT, checksum(bytes.subarray(0, LIST_CRC_AT)), true);
  return bytes;
}

/** Null for anything that is no whole list. */
export function decodeList(bytes: Uint8Array, checksum: Checksum): SegmentList | null {
  if (bytes.length < LIST_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getBigUint64(0, true) !== LIST_MAGIC) return null;
  if (view.getUint32(LIST_CRC_AT, true) !== checksum(bytes.subarray(0, LIST_CRC_AT))) return null;
  const end = LIST_HEADER_BYTES + view.getFloat64(32, true) * ENTRY_BYTES;
  if (!(end <= bytes.length)) return null;
  if (view.getUint32(40, true) !== checksum(bytes.subarray(LIST_HEADER_BYTES, end))) return null;
  const segments: LedgerSegment[] = [];
  for (let at = LIST_HEADER_BYTES; at < end; at += ENTRY_BYTES) {
    const [id, firstLsn] = [view.getFloat64(at, true), view.getFloat64(at + 8, true)];
    segments.push({ id, firstLsn, endLsn: view.getFloat64(at + 16, true), endOffset: view.getFloat64(at + 24, true) });
  }
  return { logId: bytes.slice(8, 8 + LOG_ID_BYTES), count: view.getFloat64(24, true), segments };
}
