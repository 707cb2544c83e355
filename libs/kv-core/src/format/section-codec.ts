import type { BlockSection } from './block-header.js';
import { DIGEST_BYTES, SECTION_ENTRY_BYTES, SECTION_OPTIONAL } from './constants.js';
import { readSize, writeSize } from './header-codec.js';

/** Where the reserved bytes of an entry are. */
export const ENTRY_RESERVED_AT = 56;

const DIGEST_AT = 40;

/** One entry as it stands; checks are the reader's. `table` starts at entry 0. */
export function decodeSection(table: Uint8Array, index: number): BlockSection {
  const at = index * SECTION_ENTRY_BYTES;
  const view = new DataView(table.buffer, table.byteOffset + at, SECTION_ENTRY_BYTES);
  return {
    index,
    kind: view.getUint16(0, true),
    layer: view.getUint16(2, true),
    codec: view.getUint8(4),
    dtype: view.getUint8(5),
    optional: (view.getUint16(6, true) & SECTION_OPTIONAL) !== 0,
    offset: readSize(view, 8),
    storedBytes: readSize(view, 16),
    rawBytes: readSize(view, 24),
    crc32c: view.getUint32(32, true),
    aux: view.getUint32(36, true),
    digest: table.slice(at + DIGEST_AT, at + DIGEST_AT + DIGEST_BYTES),
  };
}

export function encodeSection(section: BlockSection, table: Uint8Array): void {
  const at = section.index * SECTION_ENTRY_BYTES;
  const view = new DataView(table.buffer, table.byteOffset + at, SECTION_ENTRY_BYTES);
  view.setUint16(0, section.kind, true);
  view.setUint16(2, section.layer, true);
  view.setUint8(4, section.codec);
  view.setUint8(5, section.dtype);
  view.setUint16(6, section.optional ? SECTION_OPTIONAL : 0, true);
  writeSize(view, 8, section.offset);
  writeSize(view, 16, section.storedBytes);
  writeSize(view, 24, section.rawBytes);
  view.setUint32(32, section.crc32c, true);
  view.setUint32(36, section.aux, true);
  table.set(section.digest, at + DIGEST_AT);
}
