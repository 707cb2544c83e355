import type { QualityClass } from '../quality.js';
import type { BlockHeader } from './block-header.js';
import { FORMAT_MAJOR, HEADER_BYTES, MAGIC } from './constants.js';
import { crc32cTable } from '../crc32c-table.js';

/** Where the checksums and the reserved bytes of the header are. */
export const RESERVED_AT = 216;
export const TABLE_CRC_AT = 248;
export const HEADER_CRC_AT = 252;

/** An unsigned 64-bit size as a number. Values beyond 2^53 lose low bits, and are beyond every limit anyway. */
export function readSize(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function writeSize(view: DataView, at: number, size: number): void {
  view.setUint32(at, size >>> 0, true);
  view.setUint32(at + 4, Math.floor(size / 2 ** 32), true);
}

/** The fields as they stand; checks are the reader's. Byte strings are copied. */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const u8 = (at: number) => view.getUint8(at);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  return {
    versionMinor: u16(10),
    headerBytes: u32(12),
    flags: u32(16),
    sectionCount: u32(20),
    objectBytes: readSize(view, 24),
    modelFingerprint: bytes.slice(32, 64),
    seqKey: bytes.slice(64, 96),
    parentKey: bytes.slice(96, 128),
    tenantTag: bytes.slice(128, 144),
    firstPosition: u32(144),
    tokenCount: u32(148),
    blockTokens: u32(152),
    layerBegin: u16(156),
    layerEnd: u16(158),
    kvHeadBegin: u16(160),
    kvHeadEnd: u16(162),
    tpSize: u16(164),
    tpRank: u16(166),
    headDimK: u16(168),
    headDimV: u16(170),
    dtypeK: u8(172),
    dtypeV: u8(173),
    codecK: u8(174),
    codecV: u8(175),
    layout: u8(176),
    ropeMode: u8(177),
    attention: u8(178),
    quality: u8(179) as QualityClass,
    groupK: u16(180),
    groupV: u16(182),
    window: u32(184),
    errorPpm: u32(188),
    createdUnixMs: readSize(view, 192),
    producerId: view.getBigUint64(200, true),
    recomputeMicros: u32(208),
    deployEpoch: u32(212),
    tableCrc32c: u32(TABLE_CRC_AT),
  };
}

/** Writes the 256 bytes, the header's own CRC last. The bytes beneath the reserved fields must be zero. */
export function encodeHeader(header: BlockHeader, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const h = header;
  bytes.set(MAGIC, 0);
  view.setUint16(8, FORMAT_MAJOR, true);
  view.setUint16(10, h.versionMinor, true);
  [h.headerBytes, h.flags, h.sectionCount].forEach((v, i) => view.setUint32(12 + 4 * i, v, true));
  writeSize(view, 24, h.objectBytes);
  bytes.set(h.modelFingerprint, 32);
  bytes.set(h.seqKey, 64);
  bytes.set(h.parentKey, 96);
  bytes.set(h.tenantTag, 128);
  [h.firstPosition, h.tokenCount, h.blockTokens].forEach((v, i) => view.setUint32(144 + 4 * i, v, true));
  [h.layerBegin, h.layerEnd, h.kvHeadBegin, h.kvHeadEnd].forEach((v, i) => view.setUint16(156 + 2 * i, v, true));
  [h.tpSize, h.tpRank, h.headDimK, h.headDimV].forEach((v, i) => view.setUint16(164 + 2 * i, v, true));
  bytes.set([h.dtypeK, h.dtypeV, h.codecK, h.codecV, h.layout, h.ropeMode, h.attention, h.quality], 172);
  view.setUint16(180, h.groupK, true);
  view.setUint16(182, h.groupV, true);
  view.setUint32(184, h.window, true);
  view.setUint32(188, h.errorPpm, true);
  writeSize(view, 192, h.createdUnixMs);
  view.setBigUint64(200, h.producerId, true);
  view.setUint32(208, h.recomputeMicros, true);
  view.setUint32(212, h.deployEpoch, true);
  view.setUint32(TABLE_CRC_AT, h.tableCrc32c, true);
  view.setUint32(HEADER_CRC_AT, crc32cTable(bytes.subarray(0, HEADER_CRC_AT)), true);
}
