import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '../crc32c-table.js';
import { Random } from '../testing/random.js';
import { editedBlock, entry, faultOf } from '../testing/edit-block.js';
import {
  SAMPLE_GEOMETRY,
  SAMPLE_MAC_KEY,
  sampleBlock,
  sampleSpec,
  type SampleOptions,
} from '../testing/sample-block.js';
import { allocateBlock } from './allocate-block.js';
import { headBytesOf, rawObjectBytes } from './block-plan.js';
import { ALL_LAYERS, BlockDtype, SectionKind } from './constants.js';
import { requireImportable } from './raw-geometry.js';
import { readHead, type ExpectedBlock } from './read-head.js';
import { readHeader } from './read-header.js';
import { compareTokens, findSection, sectionsOfLayers } from './sections.js';
import { sectionBytes, verifyBlock, verifyMac } from './verify-block.js';

const spec = sampleSpec();
const asked: ExpectedBlock = { namespace: spec.namespace, seqKey: spec.seqKey, parentKey: spec.parentKey };
const checksum = crc32cTable;

describe('a block', () => {
  it('says after reading what was written', () => {
    const bytes = sampleBlock({ signed: true, tokens: 5 });
    const written = sampleSpec({ tokens: 5 });
    const { header } = verifyBlock(bytes, { expected: {}, checksum, macKey: SAMPLE_MAC_KEY });
    expect(header).toMatchObject({
      seqKey: new Uint8Array(written.seqKey),
      firstPosition: 0,
      tokenCount: 5,
      blockTokens: 16,
      layerBegin: 0,
      layerEnd: 2,
      kvHeadEnd: 2,
      headDimK: 8,
      dtypeV: BlockDtype.bf16,
      quality: 1,
      createdUnixMs: 1_760_000_000_000,
      producerId: 0x0123456789abcdefn,
      recomputeMicros: 12_345,
      deployEpoch: 3,
    });
  });

  it('holds what was filled in, layer by layer', () => {
    const writer = allocateBlock(spec);
    const filled = new Map<string, Uint8Array>();
    const random = new Random(1);
    for (const layer of [0, 1]) {
      for (const kind of [SectionKind.key, SectionKind.value]) {
        filled.set(`${kind}/${layer}`, random.fill(writer.section(kind, layer)).slice());
      }
    }
    const bytes = writer.seal({ checksum });
    const head = readHead(bytes, asked);
    for (const [name, content] of filled) {
      const [kind, layer] = name.split('/').map(Number);
      const section = findSection(head, kind as number, layer);
      expect(section && sectionBytes(bytes, section)).toEqual(content);
    }
  });

  it('starts every section at a multiple of 4096 and has the size that was foretold', () => {
    const bytes = sampleBlock();
    expect(bytes.length).toBe(rawObjectBytes(SAMPLE_GEOMETRY, 16));
    expect(readHead(bytes, asked).sections.map(({ offset }) => offset % 4096)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('has 8 MiB of K and V at 32 layers, 8 heads of 128, 64 tokens in bf16, and 5 pages around them', () => {
    const geometry = { ...SAMPLE_GEOMETRY, layerEnd: 32, kvHeads: 8, headDimK: 128, headDimV: 128, blockTokens: 64 };
    expect(rawObjectBytes(geometry, 64)).toBe(8 * 2 ** 20 + 2 * 4096 + 4096 + 4096);
  });

  it('written into used memory equals one in new memory', () => {
    const used = new Uint8Array(rawObjectBytes(spec.geometry, 16) + 100).fill(0xee);
    const writer = allocateBlock(spec, used);
    const random = new Random(7);
    for (const layer of [0, 1]) {
      random.fill(writer.section(SectionKind.key, layer));
      random.fill(writer.section(SectionKind.value, layer));
    }
    expect(writer.seal({ checksum })).toEqual(sampleBlock());
  });

  it('is not written to after it was sealed', () => {
    const writer = allocateBlock(spec);
    writer.seal({ checksum });
    expect(() => writer.section(SectionKind.key, 0)).toThrow(/sealed/);
    expect(() => writer.seal({ checksum })).toThrow(/sealed/);
  });

  it('is read from its head alone, and its header says how long the head is', () => {
    const bytes = sampleBlock({ signed: true });
    const header = readHeader(bytes.subarray(0, 256));
    const headBytes = headBytesOf(header.headerBytes, header.sectionCount);
    const head = readHead(bytes.subarray(0, headBytes), { ...asked, objectBytes: bytes.length });
    verifyMac(head, SAMPLE_MAC_KEY);
    expect(head.sections).toHaveLength(6);
  });

  it('knows its tokens', () => {
    const bytes = sampleBlock();
    const section = findSection(readHead(bytes, asked), SectionKind.tokenIds);
    const stored = section && sectionBytes(bytes, section);
    expect(stored && compareTokens(stored, spec.tokens)).toBe(true);
    expect(stored && compareTokens(stored, Int32Array.from(spec.tokens))).toBe(true);
    expect(stored && compareTokens(stored, spec.tokens.slice(1))).toBe(false);
    expect(
      stored &&
        compareTokens(
          stored,
          spec.tokens.map((t, i) => (i === 9 ? t + 1 : t)),
        ),
    ).toBe(false);
  });

  it('gives the sections of a layer range with those of no layer first', () => {
    const head = readHead(sampleBlock(), asked);
    expect(sectionsOfLayers(head, 1, 2).map(({ kind, layer }) => [kind, layer])).toEqual([
      [SectionKind.tokenIds, ALL_LAYERS],
      [SectionKind.subChecksums, ALL_LAYERS],
      [SectionKind.key, 1],
      [SectionKind.value, 1],
    ]);
    expect(sectionsOfLayers(head, 0, 2)).toHaveLength(6);
    expect(() => sectionsOfLayers(head, 1, 3)).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }));
  });

  it.each([
    ['no tokens', { tokens: 0 }, 'tokens'],
    ['too many tokens', { tokens: 17 }, 'tokens'],
    ['no heads', { geometry: { kvHeads: 0 } }, 'geometry.kvHeads'],
    ['no layers', { geometry: { layerEnd: 0 } }, 'geometry.layerEnd'],
    ['too many layers', { geometry: { layerEnd: 2048 } }, 'geometry.layerEnd'],
    ['an object beyond 1 GiB', { geometry: { kvHeads: 60_000, headDimK: 60_000 } }, 'geometry'],
  ])('with %s is refused by field before memory is taken', (_, options, field) => {
    const { tokens = 16, geometry = {} }: SampleOptions = options;
    const bad = { ...spec, geometry: { ...spec.geometry, ...geometry }, tokens: new Uint32Array(tokens) };
    expect(() => allocateBlock(bad)).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field }));
  });

  it.each([
    ['codec', (_b: Uint8Array, v: DataView) => v.setUint16(174, 0x0101, true)],
    ['dtype', (_b: Uint8Array, v: DataView) => v.setUint16(172, 0x0202, true)],
    ['geometry', () => undefined],
  ] as const)('of another %s is not imported', (fault, edit) => {
    const bytes = editedBlock((b, v) => {
      edit(b, v);
      if (fault === 'geometry') return;
      if (fault === 'codec') v.setUint8(179, 2);
      const at = fault === 'codec' ? 4 : 5;
      for (const index of [2, 3, 4, 5]) b[entry(index, at)] = fault === 'codec' ? 1 : 2;
    });
    const head = readHead(bytes, asked);
    const wanted = fault === 'geometry' ? { ...spec.geometry, headDimV: 16 } : spec.geometry;
    expect(faultOf(() => requireImportable(head, wanted))).toBe(fault);
    if (fault === 'geometry') requireImportable(head, spec.geometry);
  });
});

describe('the signature', () => {
  const options = { expected: asked, checksum, macKey: SAMPLE_MAC_KEY };

  it('is required where a key is given', () => {
    expect(faultOf(() => verifyBlock(sampleBlock(), options))).toBe('mac_missing');
  });

  it('of another namespace is refused', () => {
    const other = new Uint8Array(32);
    expect(faultOf(() => verifyBlock(sampleBlock({ signed: true }), { ...options, macKey: other }))).toBe('mac');
  });

  it('covers the head, even when a forger repairs its checksums', () => {
    const bytes = editedBlock((_, v) => v.setUint32(208, 1, true), { signed: true });
    expect(verifyBlock(bytes, { expected: asked, checksum }).header.recomputeMicros).toBe(1);
    expect(faultOf(() => verifyBlock(bytes, options))).toBe('mac');
  });

  it('covers the payload through the digests', () => {
    // One CRC in 2^32 fits by chance: a checksum that always fits shows that the digest is what refuses.
    const bytes = sampleBlock({ signed: true });
    const head = readHead(bytes, asked);
    bytes[4096 * 3] = (bytes[4096 * 3] as number) ^ 1;
    const byCrc = new Map(head.sections.map((section) => [section.storedBytes, section.crc32c]));
    expect(byCrc.size).toBeGreaterThan(0);
    let call = 0;
    const blind = () => head.sections[call++]?.crc32c ?? 0;
    expect(faultOf(() => verifyBlock(bytes, { ...options, checksum: blind }))).toBe('section_digest');
  });
});

describe('one flipped bit', () => {
  it.each([
    ['with a signature', true],
    ['without a signature', false],
  ])('anywhere in a block %s is noticed', (_, signed) => {
    const sound = sampleBlock({ signed });
    const random = new Random(signed ? 1 : 2);
    for (let i = 0; i < 300; i++) {
      const bytes = sound.slice();
      const at = i < 150 ? random.below(700) : random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      const run = () => verifyBlock(bytes, { expected: {}, checksum, macKey: signed ? SAMPLE_MAC_KEY : null });
      expect(faultOf(run)).not.toBe('accepted');
    }
  });
});
