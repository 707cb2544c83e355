import { KEY_BYTES, type Checksum } from '@longhaul/kv-core';

/** Records begin and end at multiples of this: the unit of direct I/O. */
export const BLOCK_BYTES = 4096;
/** Header of 64 bytes, the payload's length and its expiry. */
export const HEADER_BYTES = 72;

const MAGIC = 0x524b484c;
const VERSION = 1;
const CRC_AT = 60;
const LENGTH_AT = 64;
const EXPIRES_AT = 68;

export const RecordType = {
  /** Payload: an object. */
  put: 1,
  /** Removes the key of the header and every key of the payload (32 bytes each). */
  tombstone: 2,
  /** No payload: shows that the log can be written. */
  mark: 3,
  /**
   * What compaction keeps of tombstones. Payload: u64 lsn, then further keys; removes only records below that lsn, so
   * that an object that has come back meanwhile stays.
   */
  carried: 4,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Head of a record (README, "On disk"), little-endian. */
export interface RecordHeader {
  readonly type: RecordType;
  /** Sequence number in the log: each record has its predecessor's plus one. */
  readonly lsn: number;
  readonly key: Uint8Array;
  readonly payloadCrc: number;
  readonly payloadBytes: number;
  /** Unix seconds from which on an object is not to be served; 0: none. */
  readonly expiresS: number;
}

/** Bytes a record takes in the log, padding included. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((HEADER_BYTES + payloadBytes) / BLOCK_BYTES) * BLOCK_BYTES;
}

/** What checks a header: the CRC of its bytes continued from `seed`, the CRC of the log's secret id. */
export interface HeaderCheck {
  readonly checksum: Checksum;
  readonly seed: number;
}

function headerCrc(bytes: Uint8Array, { checksum, seed }: HeaderCheck): number {
  return checksum(bytes.subarray(LENGTH_AT, HEADER_BYTES), checksum(bytes.subarray(0, CRC_AT), seed));
}

export function encodeRecordHeader(header: RecordHeader, check: HeaderCheck): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, header.type, true);
  view.setBigUint64(8, BigInt(header.lsn), true);
  view.setBigUint64(16, BigInt(recordBytes(header.payloadBytes)), true);
  bytes.set(header.key, 24);
  view.setUint32(56, header.payloadCrc, true);
  view.setUint32(LENGTH_AT, header.payloadBytes, true);
  view.setUint32(EXPIRES_AT, header.expiresS, true);
  view.setUint32(CRC_AT, headerCrc(bytes, check), true);
  return bytes;
}

/** Null for anything that is not a whole header of this log and version. */
export function decodeRecordHeader(bytes: Uint8Array, check: HeaderCheck): RecordHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC || view.getUint16(4, true) !== VERSION) return null;
  if (view.getUint32(CRC_AT, true) !== headerCrc(bytes, check)) return null;
  const type = view.getUint16(6, true);
  const payloadBytes = view.getUint32(LENGTH_AT, true);
  if (!isRecordType(type)) return null;
  if (Number(view.getBigUint64(16, true)) !== recordBytes(payloadBytes)) return null;
  const key = bytes.slice(24, 24 + KEY_BYTES);
  const [lsn, expiresS] = [Number(view.getBigUint64(8, true)), view.getUint32(EXPIRES_AT, true)];
  return { type, lsn, key, payloadCrc: view.getUint32(56, true), payloadBytes, expiresS };
}

function isRecordType(value: number): value is RecordType {
  return value === RecordType.put || isTombstone(value) || value === RecordType.mark;
}

export function isTombstone(type: number): boolean {
  return type === RecordType.tombstone || type === RecordType.carried;
}

/** The keys that a tombstone removes, and below which lsn; its payload must have been verified. */
export function decodeTombstone(header: RecordHeader, payload: Uint8Array): { keys: Uint8Array[]; below: number } {
  const isCarried = header.type === RecordType.carried && payload.length >= 8;
  const below = isCarried
    ? Number(new DataView(payload.buffer, payload.byteOffset, payload.length).getBigUint64(0, true))
    : header.lsn;
  const keys = [header.key];
  for (let at = isCarried ? 8 : 0; at + KEY_BYTES <= payload.length; at += KEY_BYTES) {
    keys.push(payload.slice(at, at + KEY_BYTES));
  }
  return { keys, below };
}

/** Payload of a tombstone for all keys but the first, which is in its header. */
export function encodeTombstone(others: readonly Uint8Array[], below: number | null): Uint8Array {
  const start = below === null ? 0 : 8;
  const payload = new Uint8Array(start + others.length * KEY_BYTES);
  if (below !== null) new DataView(payload.buffer).setBigUint64(0, BigInt(below), true);
  for (const [i, key] of others.entries()) payload.set(key, start + i * KEY_BYTES);
  return payload;
}
