import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '../crc32c-table.js';
import { editedBlock, entry, faultOf, flip, type Edit } from '../testing/edit-block.js';
import { sampleBlock, sampleSpec } from '../testing/sample-block.js';
import { ALL_LAYERS } from './constants.js';
import { readHead, type ExpectedBlock } from './read-head.js';
import { sectionBytes, verifyBlock, verifySection } from './verify-block.js';

const spec = sampleSpec();
const asked: ExpectedBlock = { namespace: spec.namespace, seqKey: spec.seqKey, parentKey: spec.parentKey };
const checksum = crc32cTable;

/** The words of the header as a machine of the other byte order would write them. */
function swapWords(view: DataView, { crc = false } = {}): void {
  const swap = (bytes: number, ...places: readonly number[]): void => {
    for (const at of places) new Uint8Array(view.buffer, view.byteOffset + at, bytes).reverse();
  };
  swap(2, 8, 10, 156, 158, 160, 162, 164, 166, 168, 170, 180, 182);
  swap(4, 12, 16, 20, 144, 148, 152, 184, 188, 208, 212, 248);
  swap(8, 24, 192, 200);
  if (!crc) return;
  view.setUint32(252, crc32cTable(new Uint8Array(view.buffer, view.byteOffset, 252)), false);
}

describe('the reader', () => {
  const cases: readonly [string, string, Edit, boolean?][] = [
    ['damage by a copy in text mode', 'magic', (b) => (b[4] = 0x0a)],
    ['a damaged header', 'header_crc', (b) => flip(b, 145), false],
    ['an earlier major version', 'major_version', (_, v) => v.setUint16(8, 1, true)],
    ['a later major version', 'major_version', (_, v) => v.setUint16(8, 3, true)],
    ['a block of the other byte order', 'major_version', (_, v) => swapWords(v)],
    ['a block of the other byte order, its checksum too', 'header_crc', (_, v) => swapWords(v, { crc: true }), false],
    ['a longer header of minor version 0', 'header_size', (_, v) => v.setUint32(12, 264, true)],
    ['no sections', 'section_count', (_, v) => v.setUint32(20, 0, true)],
    ['4,097 sections', 'section_count', (_, v) => v.setUint32(20, 4097, true)],
    ['an object of 2^60 bytes', 'object_size', (_, v) => v.setBigUint64(24, 1n << 60n, true)],
    ['an object that ends within its head', 'object_size', (_, v) => v.setBigUint64(24, 0n, true)],
    ['an encrypted block', 'encrypted', (_, v) => v.setUint32(16, 4, true)],
    ['reserved bytes in use', 'reserved_not_zero', (b) => (b[230] = 1)],
    ['unknown flags', 'flags', (_, v) => v.setUint32(16, 256, true)],
    ['a signature without digests', 'flags', (_, v) => v.setUint32(16, 1, true)],
    ['no tokens', 'header_field', (_, v) => v.setUint32(148, 0, true)],
    ['no layers', 'header_field', (_, v) => v.setUint16(158, 0, true)],
    ['no quality class', 'header_field', (b) => (b[179] = 0)],
    ['an unknown codec', 'codec', (b) => b.set([9, 9, 1, 0, 0, 2], 174)],
    ['an unknown dtype', 'dtype', (b) => (b[172] = 10)],
    ['an unknown layout', 'layout', (b) => (b[176] = 4)],
    ['a section beyond the end', 'section_bounds', (_, v) => v.setUint32(entry(2, 16), 1 << 29, true)],
    ['a section of 2^63 bytes', 'section_bounds', (_, v) => v.setBigUint64(entry(2, 16), 1n << 63n, true)],
    ['a section within the head', 'section_bounds', (_, v) => v.setUint32(entry(2, 8), 0, true)],
    ['a section off the grid', 'section_alignment', (_, v) => v.setUint32(entry(2, 8), 4096 * 3 + 8, true)],
    ['two sections in one place', 'section_overlap', (_, v) => v.setUint32(entry(3, 8), 4096 * 3, true)],
    ['a damaged table', 'table_crc', (b) => (b[entry(0, 60)] = 1), false],
    ['an unknown section', 'section_kind', (_, v) => v.setUint16(entry(5, 0), 99, true)],
    ['a reserved byte of an entry in use', 'reserved_not_zero', (b) => (b[entry(3, 60)] = 1)],
    ['a K of no layer', 'section_layer', (_, v) => v.setUint16(entry(2, 2), ALL_LAYERS, true)],
    ['a K of a layer out of range', 'section_layer', (_, v) => v.setUint16(entry(2, 2), 2, true)],
    ['a raw section whose sizes differ', 'section_size', (_, v) => v.setUint32(entry(2, 24), 1, true)],
    ['a K of half the size', 'section_size', (_, v) => [16, 24].forEach((f) => v.setUint32(entry(2, f), 256, true))],
    ['a K of another dtype than the header says', 'section_size', (b) => (b[entry(2, 5)] = 3)],
    ['two K of one layer', 'section_twice', (_, v) => v.setUint16(entry(4, 2), 0, true)],
    [
      'no tokens section',
      'section_missing',
      (_, v) => [v.setUint16(entry(0, 0), 99, true), v.setUint16(entry(0, 6), 1, true)],
    ],
    [
      'no sub-checksums',
      'section_missing',
      (_, v) => [v.setUint16(entry(1, 0), 99, true), v.setUint16(entry(1, 6), 1, true)],
    ],
    [
      'no V of a layer',
      'section_missing',
      (_, v) => [v.setUint16(entry(5, 0), 99, true), v.setUint16(entry(5, 6), 1, true)],
    ],
    ['a digest where there are none', 'flags', (b) => (b[entry(2, 40)] = 1)],
    ['another model', 'model_fingerprint', (b) => flip(b, 32)],
    ['another namespace', 'tenant_tag', (b) => flip(b, 128)],
    ['another rollout', 'deploy_epoch', (b) => flip(b, 212)],
    ['another key', 'sequence_key', (b) => flip(b, 64)],
    ['another parent', 'parent_key', (b) => flip(b, 96)],
    ['damaged K', 'section_crc', (b) => flip(b, 4096 * 3 + 5)],
    ['damaged tokens', 'section_crc', (b) => flip(b, 4096)],
    ['padding in use', 'padding_not_zero', (b) => (b[4096 * 4 - 1] = 1)],
    ['padding of the head in use', 'padding_not_zero', (b) => (b[4095] = 1)],
  ];

  it.each(cases)('refuses %s: %s', (_, fault, edit, repair = true) => {
    const bytes = editedBlock(edit, { repair });
    if (fault === 'table_crc') {
      // Only the table is damaged: its CRC in the sound header no longer fits.
      expect(faultOf(() => readHead(bytes, asked))).toBe('table_crc');
      return;
    }
    expect(faultOf(() => verifyBlock(bytes, { expected: asked, checksum }))).toBe(fault);
  });

  it('refuses another model before it looks at the table or any payload', () => {
    const bytes = editedBlock((b) => [flip(b, 32), b.fill(0xff, entry(0, 40), entry(0, 60))]).subarray(0, 4096);
    const damaged = bytes.slice();
    damaged[entry(1, 33)] = (damaged[entry(1, 33)] as number) ^ 1;
    expect(faultOf(() => readHead(damaged, asked))).toBe('model_fingerprint');
  });

  it.each([
    ['truncated_header', 0],
    ['truncated_header', 255],
    ['truncated_head', 256],
    ['truncated_head', 4095],
  ])('says %s at %i bytes', (fault, length) => {
    expect(faultOf(() => readHead(sampleBlock().subarray(0, length), asked))).toBe(fault);
  });

  it('refuses an object that is longer or shorter than its header says', () => {
    const bytes = sampleBlock();
    const longer = new Uint8Array(bytes.length + 4096);
    longer.set(bytes);
    for (const object of [longer, bytes.subarray(0, bytes.length - 4096), bytes.subarray(0, bytes.length - 1)]) {
      expect(faultOf(() => verifyBlock(object, { expected: asked, checksum }))).toBe('object_length');
    }
  });

  it('refuses a section of another length than the table says', () => {
    const bytes = sampleBlock();
    const section = readHead(bytes, asked).sections[2];
    if (section === undefined) throw new Error('no section');
    const payload = sectionBytes(bytes, section);
    expect(faultOf(() => verifySection(section, payload.subarray(1), checksum))).toBe('truncated_section');
    verifySection(section, payload, checksum);
  });

  it('skips an unknown optional section', () => {
    const bytes = editedBlock((_, v) => {
      v.setUint16(174, 0x0101, true);
      v.setUint8(179, 2);
      for (const index of [2, 3, 4]) v.setUint8(entry(index, 4), 1);
      v.setUint16(entry(5, 0), 99, true);
      v.setUint16(entry(5, 6), 1, true);
    });
    expect(readHead(bytes, asked).sections).toHaveLength(6);
  });

  it('ignores fields and flags that a later minor version adds', () => {
    const bytes = editedBlock((b, v) => {
      v.setUint16(10, 1, true);
      v.setUint32(16, 0x100, true);
      b[230] = 1;
      b[entry(2, 60)] = 1;
    });
    expect(verifyBlock(bytes, { expected: asked, checksum }).header.versionMinor).toBe(1);
  });

  it('checks that the checksums of heads add up to those of sections', () => {
    const bytes = editedBlock((b, v) => {
      const at = 4096 * 2;
      flip(b, at);
      v.setUint32(entry(1, 32), crc32cTable(b.subarray(at, at + 32)), true);
    });
    expect(faultOf(() => verifyBlock(bytes, { expected: asked, checksum }))).toBe('sub_crc');
  });
});
