import { kvErrors } from '../errors.js';
import { MAX_OBJECT_BYTES } from '../limits.js';
import type { BlockSection } from './block-header.js';
import {
  ALL_LAYERS,
  alignSection,
  BlockCodec,
  BlockDtype,
  DIGEST_BYTES,
  HEADER_BYTES,
  MAC_BYTES,
  SECTION_ENTRY_BYTES,
  SectionKind,
} from './constants.js';
import {
  checkRawGeometry,
  layerSectionBytes,
  layerSectionKinds,
  SHARED_SECTIONS,
  type LayerSectionKind,
  type RawGeometry,
} from './raw-geometry.js';

/** Where everything of a raw block goes. Sections carry no checksums yet. */
export interface BlockPlan {
  readonly headBytes: number;
  readonly objectBytes: number;
  /** Tokens, sub-checksums, then K, V and their scales of each layer in order. */
  readonly sections: readonly BlockSection[];
}

/** Header, table and MAC, padded to the section alignment. */
export function headBytesOf(headerBytes: number, sectionCount: number): number {
  return alignSection(headerBytes + sectionCount * SECTION_ENTRY_BYTES + MAC_BYTES);
}

/** Bytes of the object that holds `tokenCount` tokens of this shape, padding included. */
export function rawObjectBytes(geometry: RawGeometry, tokenCount: number): number {
  return planRawBlock(geometry, tokenCount).objectBytes;
}

/**
 * Lays a raw block out.
 *
 * @throws AppError `INVALID_ARGUMENT` for a shape or token count that no block can have, or an object beyond
 * `MAX_OBJECT_BYTES`; `KV_UNSUPPORTED` for a dtype that raw blocks do not have.
 */
export function planRawBlock(geometry: RawGeometry, tokenCount: number): BlockPlan {
  checkRawGeometry(geometry);
  if (!Number.isInteger(tokenCount) || tokenCount < 1 || tokenCount > geometry.blockTokens) {
    throw kvErrors.argument('tokens', `The block has ${tokenCount} tokens; it must be 1 to ${geometry.blockTokens}.`);
  }
  const layers = geometry.layerEnd - geometry.layerBegin;
  const kinds = layerSectionKinds(geometry);
  const headBytes = headBytesOf(HEADER_BYTES, SHARED_SECTIONS + kinds.length * layers);
  const sections: BlockSection[] = [];
  let offset = headBytes;
  const add = (kind: number, layer: number, dtype: number, bytes: number): void => {
    sections.push({
      ...EMPTY_SECTION,
      index: sections.length,
      kind,
      layer,
      dtype,
      offset,
      storedBytes: bytes,
      rawBytes: bytes,
    });
    offset += alignSection(bytes);
  };
  add(SectionKind.tokenIds, ALL_LAYERS, BlockDtype.none, 4 * tokenCount);
  add(SectionKind.subChecksums, ALL_LAYERS, BlockDtype.none, 4 * 2 * layers * geometry.kvHeads);
  for (let layer = geometry.layerBegin; layer < geometry.layerEnd; layer++) {
    for (const kind of kinds) add(kind, layer, dtypeOf(geometry, kind), layerSectionBytes(geometry, kind, tokenCount));
  }
  if (offset > MAX_OBJECT_BYTES) {
    throw kvErrors.argument(
      'geometry',
      `The block would have ${offset} bytes; at most ${MAX_OBJECT_BYTES} are allowed.`,
    );
  }
  return { headBytes, objectBytes: offset, sections };
}

function dtypeOf({ dtypeK, dtypeV }: RawGeometry, kind: LayerSectionKind): number {
  if (kind === SectionKind.key) return dtypeK;
  return kind === SectionKind.value ? dtypeV : BlockDtype.f32;
}

const EMPTY_SECTION = {
  codec: BlockCodec.raw,
  optional: false,
  crc32c: 0,
  aux: 0,
  digest: new Uint8Array(DIGEST_BYTES),
} as const;
