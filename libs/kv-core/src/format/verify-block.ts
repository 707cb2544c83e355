import { equalBytes, isZero } from '../bytes.js';
import type { Checksum } from '../checksum.js';
import { crc32cCombine, crc32cShift } from '../crc32c-combine.js';
import { kvErrors } from '../errors.js';
import type { BlockHead, BlockSection } from './block-header.js';
import { isRawHeadMajor } from './check-sections.js';
import { HeaderFlag, MAC_BYTES, SectionKind } from './constants.js';
import { headMac, sameMac, sectionDigest } from './digest.js';
import { readHead, type ExpectedBlock } from './read-head.js';

/**
 * Checks the stored bytes of one section against its CRC.
 *
 * @throws AppError `KV_INCOMPLETE` (`truncated_section`) or `KV_CORRUPT` (`section_crc`).
 */
export function verifySection(section: BlockSection, bytes: Uint8Array, checksum: Checksum): void {
  if (bytes.length !== section.storedBytes) {
    throw kvErrors.incomplete(
      'truncated_section',
      `Section ${section.index} has ${section.storedBytes} bytes; ${bytes.length} are there.`,
      { section: section.index },
    );
  }
  if (checksum(bytes) !== section.crc32c) throw damaged('section_crc', section);
}

/**
 * Checks the stored bytes of one section against the digest that the MAC covers. Slower than the CRC; together with
 * `verifyMac` it holds against whoever can write to the store.
 *
 * @throws AppError `KV_CORRUPT` (`section_digest`).
 */
export function verifyDigest(section: BlockSection, bytes: Uint8Array): void {
  if (!equalBytes(sectionDigest(bytes), section.digest)) throw damaged('section_digest', section);
}

/**
 * Checks the signature over header and table. A block without one is refused too: else it could be stripped.
 *
 * @param key `macKey` of the namespace.
 * @throws AppError `KV_CORRUPT` (`mac_missing`, `mac`).
 */
export function verifyMac(head: BlockHead, key: Uint8Array): void {
  if ((head.header.flags & HeaderFlag.mac) === 0) {
    throw kvErrors.corrupt('mac_missing', 'The block is not signed, and a signature is required.');
  }
  if (!sameMac(headMac(key, head.signedBytes), head.mac)) {
    throw kvErrors.corrupt('mac', 'The signature of the block is wrong.');
  }
}

/**
 * Checks that the checksums of the KV heads add up to those of their sections. Needs the sub-checksums only, not the
 * payload. Blocks whose codec has no heads in order pass.
 *
 * @throws AppError `KV_CORRUPT` (`sub_crc`).
 */
function verifySubChecksums(head: BlockHead, subChecksums: Uint8Array): void {
  const { header, sections } = head;
  if (!isRawHeadMajor(header)) return;
  const heads = header.kvHeadEnd - header.kvHeadBegin;
  const view = new DataView(subChecksums.buffer, subChecksums.byteOffset, subChecksums.byteLength);
  let at = 0;
  for (const section of sections) {
    if (section.kind !== SectionKind.key && section.kind !== SectionKind.value) continue;
    const shift = crc32cShift(section.storedBytes / heads);
    let crc = 0;
    for (let i = 0; i < heads; i++, at += 4) crc = crc32cCombine(crc, view.getUint32(at, true), shift);
    if (crc !== section.crc32c) throw damaged('sub_crc', section);
  }
}

export interface VerifyOptions {
  readonly expected: ExpectedBlock;
  readonly checksum: Checksum;
  /** With it the signature and all digests are checked as well, and an unsigned block is refused. */
  readonly macKey?: Uint8Array | null;
}

/**
 * Checks a whole object: head, signature, every section, the heads' checksums, and that all padding is zero. No bit of
 * a block can change unnoticed; without the key that holds but for the signature itself.
 *
 * @throws AppError as `readHead`, `verifyMac` and `verifySection` do.
 */
export function verifyBlock(bytes: Uint8Array, options: VerifyOptions): BlockHead {
  const { expected, checksum } = options;
  const key = options.macKey ?? null;
  const head = readHead(bytes, { ...expected, objectBytes: expected.objectBytes ?? bytes.length });
  if (bytes.length !== head.header.objectBytes) {
    throw kvErrors.incomplete('object_length', `${bytes.length} of ${head.header.objectBytes} bytes are there.`);
  }
  if (key !== null) verifyMac(head, key);
  checkPadding(head, bytes);
  for (const section of head.sections) {
    const payload = sectionBytes(bytes, section);
    verifySection(section, payload, checksum);
    if (key !== null) verifyDigest(section, payload);
    if (section.kind === SectionKind.subChecksums) verifySubChecksums(head, payload);
  }
  return head;
}

/** The stored bytes of a section within the whole object; not copied. */
export function sectionBytes(object: Uint8Array, section: BlockSection): Uint8Array {
  return object.subarray(section.offset, section.offset + section.storedBytes);
}

/**
 * Checks that nothing but the signature follows the section table in the head: `readHead` does not look there.
 *
 * @param bytes the object from its start, the whole head at least.
 * @throws AppError `KV_CORRUPT` (`padding_not_zero`).
 */
export function verifyHeadPadding(head: BlockHead, bytes: Uint8Array): void {
  requireZero(bytes.subarray(signedEnd(head), head.headBytes));
}

/** Where header, table and signature end. */
function signedEnd({ header, signedBytes }: BlockHead): number {
  return signedBytes.length + ((header.flags & HeaderFlag.mac) === 0 ? 0 : MAC_BYTES);
}

function checkPadding(head: BlockHead, bytes: Uint8Array): void {
  let at = signedEnd(head);
  const inOrder = head.sections.filter((section) => section.storedBytes > 0).sort((a, b) => a.offset - b.offset);
  for (const { offset, storedBytes } of inOrder) {
    requireZero(bytes.subarray(at, offset));
    at = offset + storedBytes;
  }
  requireZero(bytes.subarray(at));
}

function requireZero(padding: Uint8Array): void {
  if (!isZero(padding)) throw kvErrors.corrupt('padding_not_zero', 'Padding of the block is not zero.');
}

function damaged(fault: 'section_crc' | 'section_digest' | 'sub_crc', section: BlockSection) {
  return kvErrors.corrupt(fault, `Section ${section.index} of the block is damaged.`, { section: section.index });
}
