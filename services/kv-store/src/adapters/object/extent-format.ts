import type { Checksum } from '@longhaul/kv-core';
import { tierErrors } from './tier-errors.js';

/**
 * An extent, version 1. Little-endian, immutable:
 *
 *     objects, one after the other, each at a multiple of 64 bytes
 *     leads: the first bytes of each object once more, side by side
 *     index: 80 bytes per object
 *     footer: the last 64 bytes
 *
 * A lead is the first eighth of an object, at most 8 KiB: the head of a KV block. One request brings the heads of all
 * blocks of an extent, which is what a store needs when it starts and when it looks at a prefix.
 *
 * Index entry: key u8[32], offset u64, length u64, stored_ms u64, lead_offset u64, lead_bytes u32, crc32c u32 (whole
 * object), lead_crc32c u32, reserved u32.
 *
 * Footer: magic u8[8], major u16, minor u16, entries u32, leads_offset u64, index_offset u64, extent_bytes u64,
 * created_ms u64, index_crc32c u32, reserved u64, footer_crc32c u32 (over the 60 bytes before it).
 *
 * A reader refuses another major version; a later minor one may use reserved bytes only.
 */
export const FOOTER_BYTES = 64;
export const ENTRY_BYTES = 80;
const OBJECT_ALIGNMENT = 64;
const MAX_LEAD_BYTES = 8192;
const KEY_BYTES = 32;
const MAGIC = Uint8Array.of(0x4b, 0x56, 0x58, 0x46, 0x0d, 0x0a, 0x1a, 0x00);
const MAJOR = 1;
const MINOR = 0;

/** Most objects of one extent, checked before anything is allocated for its index. */
export const MAX_ENTRIES = 65_536;

/** Where one object is in its extent. */
export interface ExtentEntry {
  readonly key: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** When it was first stored in this tier; survives rewriting. Unix milliseconds. */
  readonly storedUnixMs: number;
  /** Over the whole object. */
  readonly crc32c: number;
  /** Where its first bytes are once more, from the start of the extent. */
  readonly leadOffset: number;
  readonly leadBytes: number;
  readonly leadCrc32c: number;
}

export interface ExtentFooter {
  readonly entries: number;
  /** Leads are from here to the index. */
  readonly leadsOffset: number;
  readonly indexOffset: number;
  readonly extentBytes: number;
  readonly createdUnixMs: number;
  readonly indexCrc32c: number;
}

/** An object on its way into an extent. */
export interface ExtentObject {
  readonly key: Uint8Array;
  readonly object: Uint8Array;
  readonly storedUnixMs: number;
  readonly crc32c: number;
}

/** Bytes that an object of `length` takes in an extent, its lead and its index entry included. */
export function extentShare(length: number): number {
  return align(length) + leadBytesOf(length) + ENTRY_BYTES;
}

/** Bytes of an object's lead. */
function leadBytesOf(length: number): number {
  return Math.min(MAX_LEAD_BYTES, length >>> 3);
}

/** One extent in memory, ready to be stored, and where everything is in it. */
export function encodeExtent(
  objects: readonly ExtentObject[],
  createdUnixMs: number,
  checksum: Checksum,
): { readonly body: Uint8Array; readonly entries: readonly ExtentEntry[] } {
  const sum = (bytesOf: (length: number) => number) =>
    objects.reduce((total, { object }) => total + bytesOf(object.length), 0);
  const leadsOffset = sum(align);
  const indexOffset = leadsOffset + sum(leadBytesOf);
  const indexEnd = indexOffset + objects.length * ENTRY_BYTES;
  const body = new Uint8Array(indexEnd + FOOTER_BYTES);
  let offset = 0;
  let leadOffset = leadsOffset;
  const entries = objects.map(({ key, object, storedUnixMs, crc32c }, i) => {
    const leadBytes = leadBytesOf(object.length);
    const lead = object.subarray(0, leadBytes);
    const place = { offset, length: object.length, leadOffset, leadBytes, leadCrc32c: checksum(lead) };
    const entry = { key, storedUnixMs, crc32c, ...place };
    body.set(object, offset);
    body.set(lead, leadOffset);
    encodeEntry(entry, body.subarray(indexOffset + i * ENTRY_BYTES, indexOffset + (i + 1) * ENTRY_BYTES));
    offset += align(object.length);
    leadOffset += leadBytes;
    return entry;
  });
  const indexCrc32c = checksum(body.subarray(indexOffset, indexEnd));
  const extentBytes = body.length;
  const footer = { entries: entries.length, leadsOffset, indexOffset, extentBytes, createdUnixMs, indexCrc32c };
  encodeFooter(footer, body.subarray(indexEnd), checksum);
  return { body, entries };
}

/**
 * The footer in the last 64 bytes of an extent.
 *
 * @throws AppError `KV_CORRUPT` unless it is whole, of this major version, and true of an extent of `extentBytes`.
 */
export function decodeFooter(bytes: Uint8Array, extentBytes: number, checksum: Checksum): ExtentFooter {
  if (bytes.length !== FOOTER_BYTES) throw tierErrors.corrupt('An extent is shorter than its footer.');
  const view = viewOf(bytes);
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw tierErrors.corrupt('An extent does not end in a footer.');
  if (view.getUint32(60, true) !== checksum(bytes.subarray(0, 60)))
    throw tierErrors.corrupt('The footer of an extent contradicts its checksum.');
  if (view.getUint16(8, true) !== MAJOR)
    throw tierErrors.corrupt(`An extent has format version ${view.getUint16(8, true)}; version ${MAJOR} is read here.`);
  const footer = {
    entries: view.getUint32(12, true),
    leadsOffset: readSize(view, 16),
    indexOffset: readSize(view, 24),
    extentBytes: readSize(view, 32),
    createdUnixMs: readSize(view, 40),
    indexCrc32c: view.getUint32(48, true),
  };
  const fits =
    footer.entries <= MAX_ENTRIES &&
    footer.extentBytes === extentBytes &&
    footer.leadsOffset <= footer.indexOffset &&
    footer.indexOffset + footer.entries * ENTRY_BYTES + FOOTER_BYTES === extentBytes;
  if (!fits) throw tierErrors.corrupt('The footer of an extent contradicts its length.');
  return footer;
}

/**
 * The index that a footer speaks of.
 *
 * @throws AppError `KV_CORRUPT` when it contradicts its checksum, or an object lies outside the extent's objects.
 */
export function decodeIndex(bytes: Uint8Array, footer: ExtentFooter, checksum: Checksum): ExtentEntry[] {
  if (bytes.length !== footer.entries * ENTRY_BYTES || checksum(bytes) !== footer.indexCrc32c)
    throw tierErrors.corrupt('The index of an extent contradicts its checksum.');
  const entries: ExtentEntry[] = [];
  for (let i = 0; i < footer.entries; i++) {
    const entry = decodeEntry(bytes, i * ENTRY_BYTES);
    const isInside =
      entry.offset % OBJECT_ALIGNMENT === 0 &&
      entry.offset + entry.length <= footer.leadsOffset &&
      entry.leadBytes <= entry.length &&
      entry.leadOffset >= footer.leadsOffset &&
      entry.leadOffset + entry.leadBytes <= footer.indexOffset;
    if (!isInside) throw tierErrors.corrupt('The index of an extent names bytes outside of it.');
    entries.push(entry);
  }
  return entries;
}

function encodeEntry(entry: ExtentEntry, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  bytes.set(entry.key, 0);
  writeSize(view, 32, entry.offset);
  writeSize(view, 40, entry.length);
  writeSize(view, 48, entry.storedUnixMs);
  writeSize(view, 56, entry.leadOffset);
  view.setUint32(64, entry.leadBytes, true);
  view.setUint32(68, entry.crc32c, true);
  view.setUint32(72, entry.leadCrc32c, true);
}

function decodeEntry(index: Uint8Array, at: number): ExtentEntry {
  const view = viewOf(index.subarray(at, at + ENTRY_BYTES));
  return {
    key: index.slice(at, at + KEY_BYTES),
    offset: readSize(view, 32),
    length: readSize(view, 40),
    storedUnixMs: readSize(view, 48),
    leadOffset: readSize(view, 56),
    leadBytes: view.getUint32(64, true),
    crc32c: view.getUint32(68, true),
    leadCrc32c: view.getUint32(72, true),
  };
}

function encodeFooter(footer: ExtentFooter, bytes: Uint8Array, checksum: Checksum): void {
  const view = viewOf(bytes);
  bytes.set(MAGIC, 0);
  view.setUint16(8, MAJOR, true);
  view.setUint16(10, MINOR, true);
  view.setUint32(12, footer.entries, true);
  writeSize(view, 16, footer.leadsOffset);
  writeSize(view, 24, footer.indexOffset);
  writeSize(view, 32, footer.extentBytes);
  writeSize(view, 40, footer.createdUnixMs);
  view.setUint32(48, footer.indexCrc32c, true);
  view.setUint32(60, checksum(bytes.subarray(0, 60)), true);
}

function align(bytes: number): number {
  return Math.ceil(bytes / OBJECT_ALIGNMENT) * OBJECT_ALIGNMENT;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Sizes beyond 2^53 lose low bits, and are beyond every limit anyway. */
function readSize(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

function writeSize(view: DataView, at: number, size: number): void {
  view.setUint32(at, size >>> 0, true);
  view.setUint32(at + 4, Math.floor(size / 2 ** 32), true);
}
