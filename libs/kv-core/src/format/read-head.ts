import { equalBytes } from '../bytes.js';
import { crc32cTable } from '../crc32c-table.js';
import { kvErrors } from '../errors.js';
import { tenantTag } from '../keys/namespace-keys.js';
import type { Namespace } from '../namespace.js';
import type { BlockHead, BlockHeader } from './block-header.js';
import { headBytesOf } from './block-plan.js';
import { checkSectionBounds } from './check-bounds.js';
import { checkSections } from './check-sections.js';
import { MAC_BYTES, SECTION_ENTRY_BYTES } from './constants.js';
import { readHeader } from './read-header.js';
import { decodeSection } from './section-codec.js';

/**
 * The block that was asked for. Whoever serves or imports blocks states all of it; only tools that show what a file
 * says may leave parts out.
 */
export interface ExpectedBlock {
  readonly namespace?: Namespace;
  readonly seqKey?: Uint8Array;
  readonly parentKey?: Uint8Array;
  /** Length of the object as its holder knows it. */
  readonly objectBytes?: number;
}

/**
 * Reads and checks everything before the first section. Order: length, magic, header CRC, version, sizes and bounds,
 * identity against what was asked for, table CRC, then that the sections are those which the header announces. The MAC
 * is a step of its own (`verifyMac`), as not every reader has the key.
 *
 * @param bytes the object from its start, at least `headBytes` of it.
 * @throws AppError with the check's name in `details.fault`: `KV_INCOMPLETE` (bytes are missing), `KV_CORRUPT`
 * (damaged, or another block than asked for), `KV_NAMESPACE_MISMATCH` (another model, tenant or rollout),
 * `KV_UNSUPPORTED`.
 */
export function readHead(bytes: Uint8Array, expected: ExpectedBlock): BlockHead {
  const header = readHeader(bytes);
  const headBytes = headBytesOf(header.headerBytes, header.sectionCount);
  if (expected.objectBytes !== undefined && expected.objectBytes !== header.objectBytes) {
    throw kvErrors.incomplete(
      'object_length',
      `The object has ${expected.objectBytes} bytes; its header says ${header.objectBytes}.`,
    );
  }
  if (bytes.length < headBytes) {
    throw kvErrors.incomplete('truncated_head', `The head has ${headBytes} bytes; ${bytes.length} are there.`);
  }
  const signedLength = header.headerBytes + header.sectionCount * SECTION_ENTRY_BYTES;
  const signedBytes = bytes.slice(0, signedLength);
  const table = signedBytes.subarray(header.headerBytes);
  const sections = Array.from({ length: header.sectionCount }, (_, i) => decodeSection(table, i));
  checkSectionBounds(sections, headBytes, header.objectBytes);
  checkIdentity(header, expected);
  if (crc32cTable(table) !== header.tableCrc32c) {
    throw kvErrors.corrupt('table_crc', 'The section table of the block is damaged.');
  }
  checkSections(header, sections, table);
  return { header, sections, headBytes, signedBytes, mac: bytes.slice(signedLength, signedLength + MAC_BYTES) };
}

function checkIdentity(header: BlockHeader, { namespace, seqKey, parentKey }: ExpectedBlock): void {
  if (namespace !== undefined) {
    if (!equalBytes(header.modelFingerprint, namespace.modelFingerprint)) {
      throw kvErrors.namespaceMismatch('model_fingerprint', 'The block was computed by another model.');
    }
    if (!equalBytes(header.tenantTag, tenantTag(namespace.id))) {
      throw kvErrors.namespaceMismatch('tenant_tag', 'The block belongs to another namespace.');
    }
    if (header.deployEpoch !== namespace.deployEpoch) {
      throw kvErrors.namespaceMismatch('deploy_epoch', 'The block belongs to another rollout.');
    }
  }
  if (seqKey !== undefined && !equalBytes(header.seqKey, seqKey)) {
    throw kvErrors.corrupt('sequence_key', 'The block has another key than the one asked for.');
  }
  if (parentKey !== undefined && !equalBytes(header.parentKey, parentKey)) {
    throw kvErrors.corrupt('parent_key', 'The block follows another parent than the one asked for.');
  }
}
