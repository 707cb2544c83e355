import { keyName } from '@longhaul/kv-core';
import { type BlockFile } from '@longhaul/kv-native';
import { corrupt } from './disk-errors.js';
import { decodeRecordHeader, HEADER_BYTES, type HeaderCheck } from './record-format.js';
import { type Place } from './record-index.js';
import { offsetOf } from './segment.js';

/** Reads a put record and verifies all of it: place, key, lengths, CRCs. Rejects with KV_CORRUPT. */
export async function readWhole(
  file: BlockFile,
  { key, place }: { key: Uint8Array; place: Place },
  check: HeaderCheck,
): Promise<Uint8Array> {
  const bytes = await file.readAt(offsetOf(place), HEADER_BYTES + place.payloadBytes);
  const header = decodeRecordHeader(bytes, check);
  const matches = header?.lsn === place.lsn && header.payloadBytes === place.payloadBytes;
  if (!matches || keyName(header.key) !== keyName(key)) {
    throw corrupt(`Segment ${String(place.segment)}, block ${String(place.block)}: the record's header is damaged.`);
  }
  const payload = bytes.subarray(HEADER_BYTES);
  if (payload.length !== place.payloadBytes || check.checksum(payload) !== header.payloadCrc) {
    throw corrupt(`Segment ${String(place.segment)}, block ${String(place.block)}: the payload's CRC does not match.`);
  }
  return payload;
}

/** Part of a payload, not verified. Rejects with KV_CORRUPT where the file ends before it. */
export async function readPart(
  file: BlockFile,
  place: Place,
  part: { offset: number; length: number },
): Promise<Uint8Array> {
  const bytes = await file.readAt(offsetOf(place) + HEADER_BYTES + part.offset, part.length);
  if (bytes.length === part.length) return bytes;
  throw corrupt(`Segment ${String(place.segment)}, block ${String(place.block)}: the file ends inside the record.`);
}
