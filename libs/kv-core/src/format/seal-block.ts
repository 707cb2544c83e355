import type { Checksum } from '../checksum.js';
import { crc32cCombine, crc32cShift } from '../crc32c-combine.js';
import { crc32cTable } from '../crc32c-table.js';
import { tenantTag } from '../keys/namespace-keys.js';
import type { BlockHeader, BlockSection } from './block-header.js';
import type { BlockPlan } from './block-plan.js';
import type { BlockSpec } from './block-spec.js';
import {
  AttentionKind,
  BlockCodec,
  BlockLayout,
  FORMAT_MINOR,
  HEADER_BYTES,
  HeaderFlag,
  RopeMode,
  SECTION_ENTRY_BYTES,
  SectionKind,
} from './constants.js';
import { headMac, sectionDigest } from './digest.js';
import { encodeHeader } from './header-codec.js';
import { encodeSection } from './section-codec.js';

interface Sealing {
  readonly spec: BlockSpec;
  readonly plan: BlockPlan;
  readonly bytes: Uint8Array;
  readonly checksum: Checksum;
  readonly macKey: Uint8Array | null;
}

const TOKENS = 0;
const SUB_CHECKSUMS = 1;

/** Checksums of every section and head, then table, header and MAC, into the planned places. */
export function sealBlock(sealing: Sealing): void {
  const { plan, bytes, macKey } = sealing;
  const table = bytes.subarray(HEADER_BYTES, HEADER_BYTES + plan.sections.length * SECTION_ENTRY_BYTES);
  const crcs = sectionChecksums(sealing);
  plan.sections.forEach((section, i) => {
    const digest = macKey === null ? section.digest : sectionDigest(payload(bytes, section));
    encodeSection({ ...section, crc32c: crcs[i] as number, digest }, table);
  });
  encodeHeader(headerOf(sealing, crc32cTable(table)), bytes);
  const signed = HEADER_BYTES + table.length;
  if (macKey !== null) bytes.set(headMac(macKey, bytes.subarray(0, signed)), signed);
}

/** Reads K and V once: a section's CRC is combined from those of its heads. */
function sectionChecksums({ spec, plan, bytes, checksum }: Sealing): number[] {
  const heads = spec.geometry.kvHeads;
  const sub = plan.sections[SUB_CHECKSUMS] as BlockSection;
  const subView = new DataView(bytes.buffer, bytes.byteOffset + sub.offset, sub.storedBytes);
  const crcs: number[] = [checksum(payload(bytes, plan.sections[TOKENS] as BlockSection)), 0];
  let at = 0;
  for (const section of plan.sections.slice(2)) {
    if (section.kind !== SectionKind.key && section.kind !== SectionKind.value) {
      crcs.push(checksum(payload(bytes, section)));
      continue;
    }
    const headBytes = section.storedBytes / heads;
    const shift = crc32cShift(headBytes);
    let crc = 0;
    for (let head = 0; head < heads; head++, at += 4) {
      const begin = section.offset + head * headBytes;
      const headCrc = checksum(bytes.subarray(begin, begin + headBytes));
      subView.setUint32(at, headCrc, true);
      crc = crc32cCombine(crc, headCrc, shift);
    }
    crcs.push(crc);
  }
  crcs[SUB_CHECKSUMS] = checksum(payload(bytes, sub));
  return crcs;
}

function payload(bytes: Uint8Array, section: BlockSection): Uint8Array {
  return bytes.subarray(section.offset, section.offset + section.storedBytes);
}

function headerOf({ spec, plan, macKey }: Sealing, tableCrc32c: number): BlockHeader {
  const { geometry, namespace } = spec;
  const ropeMode = geometry.ropeMode ?? RopeMode.after;
  const window = geometry.window ?? 0;
  const flags =
    (macKey === null ? 0 : HeaderFlag.mac | HeaderFlag.digests) |
    (ropeMode === RopeMode.before ? HeaderFlag.keysBeforeRope : 0) |
    (spec.tokens.length < geometry.blockTokens ? HeaderFlag.partial : 0);
  return {
    ...RAW_HEADER,
    flags,
    sectionCount: plan.sections.length,
    objectBytes: plan.objectBytes,
    modelFingerprint: namespace.modelFingerprint,
    seqKey: spec.seqKey,
    parentKey: spec.parentKey,
    tenantTag: tenantTag(namespace.id),
    firstPosition: spec.firstPosition,
    tokenCount: spec.tokens.length,
    blockTokens: geometry.blockTokens,
    layerBegin: geometry.layerBegin,
    layerEnd: geometry.layerEnd,
    kvHeadEnd: geometry.kvHeads,
    headDimK: geometry.headDimK,
    headDimV: geometry.headDimV,
    dtypeK: geometry.dtypeK,
    dtypeV: geometry.dtypeV,
    ropeMode,
    attention: window > 0 ? AttentionKind.window : AttentionKind.full,
    quality: spec.quality,
    window,
    createdUnixMs: spec.createdUnixMs,
    producerId: spec.producerId,
    recomputeMicros: Math.min(0xffffffff, Math.round(spec.recomputeMicros)),
    deployEpoch: namespace.deployEpoch,
    tableCrc32c,
  };
}

/** What every raw block of all KV heads says. */
const RAW_HEADER = {
  versionMinor: FORMAT_MINOR,
  headerBytes: HEADER_BYTES,
  kvHeadBegin: 0,
  tpSize: 0,
  tpRank: 0,
  codecK: BlockCodec.raw,
  codecV: BlockCodec.raw,
  layout: BlockLayout.headMajor,
  groupK: 0,
  groupV: 0,
  errorPpm: 0,
} as const;
