import { crc32cTable } from '../crc32c-table.js';
import { HEADER_BYTES, SECTION_ENTRY_BYTES } from '../format/constants.js';
import { HEADER_CRC_AT, TABLE_CRC_AT } from '../format/header-codec.js';

/** Recomputes the CRCs of table and header after an edit, as far as the object is long enough: a forger without the key. */
export function repairHead(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = Math.min(view.getUint32(12, true), bytes.length);
  const end = Math.min(begin + SECTION_ENTRY_BYTES * view.getUint32(20, true), bytes.length);
  view.setUint32(TABLE_CRC_AT, crc32cTable(bytes.subarray(begin, end)), true);
  repairHeader(bytes);
}

/** Recomputes the header's CRC alone. */
export function repairHeader(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(HEADER_CRC_AT, crc32cTable(bytes.subarray(0, HEADER_CRC_AT)), true);
}
