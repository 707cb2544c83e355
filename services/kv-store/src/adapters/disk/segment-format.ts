import { type Checksum } from '@longhaul/kv-core';
import { BLOCK_BYTES } from './record-format.js';

/** First block of a segment file: which log it belongs to and where in it. */
export interface SegmentHeader {
  readonly logId: Uint8Array;
  readonly id: number;
  /** `lsn` of its first record. */
  readonly firstLsn: number;
  /** The log has a ledger: without one something is missing. False in segments from before there were ledgers. */
  readonly ledgered: boolean;
}

export const LOG_ID_BYTES = 16;
const MAGIC = 0x324745534b484c4cn;
const OLD_MAGIC = 0x314745534b484c4cn;
const CRC_AT = 40;

export function encodeSegmentHeader(header: SegmentHeader, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, header.ledgered ? MAGIC : OLD_MAGIC, true);
  bytes.set(header.logId, 8);
  view.setBigUint64(24, BigInt(header.id), true);
  view.setBigUint64(32, BigInt(header.firstLsn), true);
  view.setUint32(CRC_AT, checksum(bytes.subarray(0, CRC_AT)), true);
  return bytes;
}

/** Null for anything that is not a whole segment header. */
export function decodeSegmentHeader(bytes: Uint8Array, checksum: Checksum): SegmentHeader | null {
  if (bytes.length < BLOCK_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getBigUint64(0, true);
  if (magic !== MAGIC && magic !== OLD_MAGIC) return null;
  if (view.getUint32(CRC_AT, true) !== checksum(bytes.subarray(0, CRC_AT))) return null;
  return {
    logId: bytes.slice(8, 8 + LOG_ID_BYTES),
    id: Number(view.getBigUint64(24, true)),
    firstLsn: Number(view.getBigUint64(32, true)),
    ledgered: magic === MAGIC,
  };
}

/** Names sort by id. */
export function segmentName(id: number): string {
  return `segment-${id.toString(16).padStart(8, '0')}.log`;
}

/** -1 for other names. */
export function segmentIdOf(name: string): number {
  const found = /^segment-([0-9a-f]{8})\.log$/.exec(name);
  return found?.[1] === undefined ? -1 : Number.parseInt(found[1], 16);
}
