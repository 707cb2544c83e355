import { isZero } from '../bytes.js';
import { kvErrors } from '../errors.js';
import type { BlockHeader, BlockSection } from './block-header.js';
import {
  ALL_LAYERS,
  BlockCodec,
  BlockDtype,
  BlockLayout,
  DTYPE_BITS,
  HeaderFlag,
  SECTION_KINDS,
  SECTION_ENTRY_BYTES,
  SectionKind,
} from './constants.js';
import { layerSectionKinds, type LayerSectionKind } from './raw-geometry.js';
import { ENTRY_RESERVED_AT } from './section-codec.js';

/** Kinds of which a block has at most one, or one per layer. */
const SINGLE_KINDS: ReadonlySet<number> = new Set([
  SectionKind.key,
  SectionKind.value,
  SectionKind.keyScale,
  SectionKind.valueScale,
  SectionKind.tokenIds,
  SectionKind.positions,
  SectionKind.subChecksums,
]);

/** Kinds that belong to no layer. */
const SHARED_KINDS: ReadonlySet<number> = new Set([
  SectionKind.tokenIds,
  SectionKind.positions,
  SectionKind.subChecksums,
]);

/** The sections are those which the header announces: known kinds, layers in range, exact sizes, nothing missing. */
export function checkSections(header: BlockHeader, sections: readonly BlockSection[], table: Uint8Array): void {
  const seen = new Set<number>();
  const digests = (header.flags & HeaderFlag.digests) !== 0;
  for (const section of sections) {
    checkEntry(header, section, table);
    if (!digests && !isZero(section.digest)) {
      throw fault('flags', section, 'has a digest, though the block has none');
    }
    if (!SINGLE_KINDS.has(section.kind)) continue;
    const name = section.kind * 0x10000 + section.layer;
    if (seen.has(name)) throw fault('section_twice', section, 'is there twice');
    seen.add(name);
  }
  checkPresence(header, seen);
}

function checkEntry(header: BlockHeader, section: BlockSection, table: Uint8Array): void {
  const { kind, layer } = section;
  if (!SECTION_KINDS.has(kind)) {
    if (section.optional) return;
    throw kvErrors.unsupported('section_kind', `Section ${section.index} has the unknown kind ${kind}.`, { kind });
  }
  const end = (section.index + 1) * SECTION_ENTRY_BYTES;
  const reserved = table.subarray(end - SECTION_ENTRY_BYTES + ENTRY_RESERVED_AT, end);
  if (header.versionMinor === 0 && !isZero(reserved)) {
    throw fault('reserved_not_zero', section, 'has reserved bytes that are not zero');
  }
  const shared = SHARED_KINDS.has(kind);
  const inRange = layer >= header.layerBegin && layer < header.layerEnd;
  const perLayer = kind === SectionKind.key || kind === SectionKind.value;
  if (shared ? layer !== ALL_LAYERS : !inRange && (perLayer || layer !== ALL_LAYERS)) {
    throw fault('section_layer', section, `has the layer ${layer}`);
  }
  if (section.codec === BlockCodec.raw && section.rawBytes !== section.storedBytes) {
    throw fault('section_size', section, 'is raw, but its stored and raw sizes differ');
  }
  const wanted = rawSectionBytes(header, section);
  if (wanted !== null && (section.codec !== BlockCodec.raw || section.storedBytes !== wanted)) {
    throw fault('section_size', section, `has ${section.storedBytes} bytes; it needs ${wanted}`);
  }
}

/** The only size that this section can have, or null where the codec decides. */
function rawSectionBytes(header: BlockHeader, section: BlockSection): number | null {
  const heads = header.kvHeadEnd - header.kvHeadBegin;
  switch (section.kind) {
    case SectionKind.tokenIds:
    case SectionKind.positions:
      return 4 * header.tokenCount;
    case SectionKind.key:
    case SectionKind.value:
      return kvSectionBytes(header, section, heads);
    case SectionKind.keyScale:
    case SectionKind.valueScale:
      return scaleBytes(header, section, heads);
    case SectionKind.subChecksums:
      return isRawHeadMajor(header) ? 4 * 2 * (header.layerEnd - header.layerBegin) * heads : null;
    default:
      return null;
  }
}

function kvSectionBytes(header: BlockHeader, section: BlockSection, heads: number): number | null {
  const isKey = section.kind === SectionKind.key;
  const codec = isKey ? header.codecK : header.codecV;
  const dtype = isKey ? header.dtypeK : header.dtypeV;
  if (section.codec !== codec || section.dtype !== dtype) {
    throw fault('section_size', section, 'has another codec or dtype than the header says');
  }
  if (codec !== BlockCodec.raw) return null;
  const elements = heads * header.tokenCount * (isKey ? header.headDimK : header.headDimV);
  return Math.ceil((elements * (DTYPE_BITS[dtype] ?? 0)) / 8);
}

/** A raw block of bytes has an f32 scale per KV head and token; what other codecs have is their affair. */
function scaleBytes(header: BlockHeader, section: BlockSection, heads: number): number | null {
  if (!isRawHeadMajor(header) || !layerSectionKinds(header).includes(section.kind as LayerSectionKind)) return null;
  if (section.dtype !== BlockDtype.f32) throw fault('section_size', section, 'has scales that are not f32');
  return 4 * heads * header.tokenCount;
}

/** Whether K and V are there as `[kv_head][token][dim]`, so that heads have checksums of their own. */
export function isRawHeadMajor(header: BlockHeader): boolean {
  return (
    header.layout === BlockLayout.headMajor && header.codecK === BlockCodec.raw && header.codecV === BlockCodec.raw
  );
}

function checkPresence(header: BlockHeader, seen: ReadonlySet<number>): void {
  const require = (kind: number, layer: number): void => {
    if (seen.has(kind * 0x10000 + layer)) return;
    throw kvErrors.corrupt('section_missing', `The block has no section of kind ${kind}.`, { kind, layer });
  };
  require(SectionKind.tokenIds, ALL_LAYERS);
  if (header.tpSize === 0) require(SectionKind.subChecksums, ALL_LAYERS);
  const positions = seen.has(SectionKind.positions * 0x10000 + ALL_LAYERS);
  if (positions !== ((header.flags & HeaderFlag.positions) !== 0)) {
    throw kvErrors.corrupt('flags', 'The positions section and its flag disagree.');
  }
  if (!isRawHeadMajor(header)) return;
  for (let layer = header.layerBegin; layer < header.layerEnd; layer++) {
    for (const kind of layerSectionKinds(header)) require(kind, layer);
  }
}

function fault(name: Parameters<typeof kvErrors.corrupt>[0], section: BlockSection, what: string) {
  return kvErrors.corrupt(name, `Section ${section.index} ${what}.`, { section: section.index, kind: section.kind });
}
