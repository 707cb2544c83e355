import { crc32cTable } from '../crc32c-table.js';
import { equalBytes, isZero } from '../bytes.js';
import { kvErrors } from '../errors.js';
import { MAX_BLOCK_TOKENS, MAX_OBJECT_BYTES, MAX_SECTIONS, requireLittleEndian } from '../limits.js';
import type { BlockHeader } from './block-header.js';
import { headBytesOf } from './block-plan.js';
import {
  DTYPE_BITS,
  FORMAT_MAJOR,
  HEADER_BYTES,
  HeaderFlag,
  KNOWN_FLAGS,
  MAGIC,
  SECTION_ALIGNMENT,
} from './constants.js';
import { decodeHeader, HEADER_CRC_AT, RESERVED_AT, TABLE_CRC_AT } from './header-codec.js';

/** Longest header that a later minor version may have. */
const MAX_HEADER_BYTES = SECTION_ALIGNMENT;

/**
 * The header of a block from its first 256 bytes or more, checked by itself: length, magic, CRC, version, sizes,
 * fields, in this order. Enough to know how many bytes the head has (`headBytesOf`).
 *
 * @throws AppError `KV_INCOMPLETE`, `KV_CORRUPT` or `KV_UNSUPPORTED`; `details.fault` names the check.
 */
export function readHeader(bytes: Uint8Array): BlockHeader {
  requireLittleEndian();
  if (bytes.length < HEADER_BYTES) {
    throw kvErrors.incomplete('truncated_header', `A block has ${HEADER_BYTES} bytes or more, not ${bytes.length}.`);
  }
  if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) throw kvErrors.corrupt('magic', 'This is not a KV block.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (crc32cTable(bytes.subarray(0, HEADER_CRC_AT)) !== view.getUint32(HEADER_CRC_AT, true)) {
    throw kvErrors.corrupt('header_crc', 'The header of the block is damaged.');
  }
  const major = view.getUint16(8, true);
  if (major !== FORMAT_MAJOR) {
    const message = `The block has format version ${major}; ${FORMAT_MAJOR} is read.`;
    throw kvErrors.unsupported('major_version', message, { version: major });
  }
  const header = decodeHeader(bytes);
  checkSizes(header);
  if ((header.flags & HeaderFlag.encrypted) !== 0) {
    throw kvErrors.unsupported('encrypted', 'Encrypted blocks are not read.');
  }
  checkFields(header);
  checkFlags(header, bytes.subarray(RESERVED_AT, TABLE_CRC_AT));
  return header;
}

function checkSizes(header: BlockHeader): void {
  const { headerBytes, sectionCount, objectBytes, versionMinor } = header;
  const longest = versionMinor === 0 ? HEADER_BYTES : MAX_HEADER_BYTES;
  if (headerBytes < HEADER_BYTES || headerBytes > longest || headerBytes % 8 !== 0) {
    throw kvErrors.corrupt('header_size', `header_bytes is ${headerBytes}.`);
  }
  if (sectionCount < 1 || sectionCount > MAX_SECTIONS) {
    throw kvErrors.corrupt('section_count', `section_count is ${sectionCount}; it must be 1 to ${MAX_SECTIONS}.`);
  }
  const least = headBytesOf(headerBytes, sectionCount);
  if (objectBytes < least || objectBytes > MAX_OBJECT_BYTES || objectBytes % SECTION_ALIGNMENT !== 0) {
    throw kvErrors.corrupt(
      'object_size',
      `object_bytes is ${objectBytes}; it must be ${least} to ${MAX_OBJECT_BYTES}.`,
    );
  }
}

function checkFlags(header: BlockHeader, reserved: Uint8Array): void {
  const { flags } = header;
  const has = (flag: number) => (flags & flag) !== 0;
  if (header.versionMinor === 0 && !isZero(reserved)) {
    throw kvErrors.corrupt('reserved_not_zero', 'Reserved bytes of the header are not zero.');
  }
  const consistent =
    (header.versionMinor > 0 || (flags & ~KNOWN_FLAGS) === 0) &&
    (!has(HeaderFlag.mac) || has(HeaderFlag.digests)) &&
    has(HeaderFlag.keysBeforeRope) === (header.ropeMode === 1) &&
    has(HeaderFlag.partial) === header.tokenCount < header.blockTokens &&
    has(HeaderFlag.sparse) === (header.quality === 5) &&
    (!has(HeaderFlag.sparse) || has(HeaderFlag.positions));
  if (!consistent) throw kvErrors.corrupt('flags', `flags is ${flags}, which contradicts other fields.`, { flags });
}

function checkFields(h: BlockHeader): void {
  const range = (field: string, value: number, low: number, high: number): void => {
    if (value >= low && value <= high) return;
    throw kvErrors.corrupt('header_field', `${field} is ${value}; it must be ${low} to ${high}.`, { field });
  };
  range('block_tokens', h.blockTokens, 1, MAX_BLOCK_TOKENS);
  range('n_tokens', h.tokenCount, 1, h.blockTokens);
  range('first_pos', h.firstPosition, 0, 2 ** 32 - h.tokenCount);
  range('layer_end', h.layerEnd, h.layerBegin + 1, 0xfffe);
  range('kv_head_end', h.kvHeadEnd, h.kvHeadBegin + 1, 0xffff);
  range('tp_rank', h.tpRank, 0, Math.max(0, h.tpSize - 1));
  range('rope_mode', h.ropeMode, 0, 3);
  range('attn_kind', h.attention, 0, 3);
  range('quality_class', h.quality, h.codecK === 0 && h.codecV === 0 ? 1 : 2, 5);
  range('created_ms', h.createdUnixMs, 0, Number.MAX_SAFE_INTEGER);
  if (h.layout !== 3) {
    range('head_dim_k', h.headDimK, 1, 0xffff);
    range('head_dim_v', h.headDimV, 1, 0xffff);
  }
  if (h.layout < 1 || h.layout > 3) throw kvErrors.unsupported('layout', `layout ${h.layout} is not known.`);
  if (Math.max(h.codecK, h.codecV) > 8) throw kvErrors.unsupported('codec', 'The codec of the block is not known.');
  if (Math.min(h.dtypeK, h.dtypeV) < 1 || Math.max(h.dtypeK, h.dtypeV) >= DTYPE_BITS.length) {
    throw kvErrors.unsupported('dtype', 'The dtype of the block is not known.');
  }
}
