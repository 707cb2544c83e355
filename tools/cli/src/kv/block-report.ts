import { AppError } from '@longhaul/kernel';
import {
  ALL_LAYERS,
  findSection,
  FORMAT_MAJOR,
  HeaderFlag,
  isEarlierFormat,
  readHead,
  sectionBytes,
  SectionKind,
  verifyBlock,
  verifySection,
  type BlockHead,
  type BlockSection,
  type Checksum,
  type ExpectedBlock,
} from '@longhaul/kv-core';
import {
  attentionName,
  codecName,
  dtypeName,
  flagNames,
  layoutName,
  qualityName,
  ropeName,
  sectionName,
} from './block-words.js';
import { hex } from './print.js';

/** Why a block is not to be used. */
export interface BlockTrouble {
  readonly reason: string;
  /** One word of the reader's checks, empty for other failures. */
  readonly fault: string;
  readonly message: string;
  /** Nothing is wrong with it, but nobody asks for it any more: a store drops it at its next start. */
  readonly earlierFormat: boolean;
}

/** One section as the table says, and whether its bytes are those that were written. */
interface SectionReport {
  readonly index: number;
  readonly kind: string;
  /** -1: of no layer. */
  readonly layer: number;
  readonly codec: string;
  readonly dtype: string;
  readonly offset: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly crc32c: string;
  readonly sound: boolean;
}

/** Everything that a block says of itself. Never its payload; its tokens only when asked for. */
export interface BlockReport {
  readonly bytes: number;
  readonly sound: boolean;
  readonly trouble: BlockTrouble | null;
  /** Null: the head cannot be read. */
  readonly header: Readonly<Record<string, string | number | readonly string[]>> | null;
  readonly sections: readonly SectionReport[];
  readonly tokens?: readonly number[];
}

export interface ReportOptions {
  readonly expected: ExpectedBlock;
  readonly checksum: Checksum;
  readonly tokens: boolean;
}

/** Reads and checks a whole block. A signature is not checked: that needs the tenant's secret. */
export function reportBlock(object: Uint8Array, { expected, checksum, tokens }: ReportOptions): BlockReport {
  const trouble = troubleOf(() => verifyBlock(object, { expected, checksum }));
  const head = headOf(object);
  if (!head) return { bytes: object.length, sound: false, trouble, header: null, sections: [] };
  const sections = head.sections.map((section) => sectionReport(section, object, checksum));
  const stored = tokens ? tokensOf(head, object) : null;
  return {
    bytes: object.length,
    sound: trouble === null,
    trouble,
    header: headerFacts(head),
    sections,
    ...(stored ? { tokens: stored } : {}),
  };
}

/** What is wrong with a block; null when nothing is. */
export function troubleOf(check: () => unknown): BlockTrouble | null {
  try {
    check();
    return null;
  } catch (error) {
    if (!AppError.isInstance(error)) throw error;
    const fault = String(error.details['fault'] ?? '');
    return { reason: error.reason, fault, message: error.message, earlierFormat: isEarlierFormat(error) };
  }
}

function headOf(object: Uint8Array): BlockHead | null {
  try {
    return readHead(object, {});
  } catch (error) {
    if (AppError.isInstance(error)) return null;
    throw error;
  }
}

function sectionReport(section: BlockSection, object: Uint8Array, checksum: Checksum): SectionReport {
  const { index, offset, storedBytes, rawBytes } = section;
  return {
    index,
    kind: sectionName(section.kind),
    layer: section.layer === ALL_LAYERS ? -1 : section.layer,
    codec: codecName(section.codec),
    dtype: dtypeName(section.dtype),
    offset,
    storedBytes,
    rawBytes,
    crc32c: section.crc32c.toString(16).padStart(8, '0'),
    sound: troubleOf(() => verifySection(section, sectionBytes(object, section), checksum)) === null,
  };
}

function tokensOf(head: BlockHead, object: Uint8Array): number[] | null {
  const section = findSection(head, SectionKind.tokenIds);
  if (!section) return null;
  const bytes = sectionBytes(object, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getUint32(4 * i, true));
}

function headerFacts({ header }: BlockHead): NonNullable<BlockReport['header']> {
  const h = header;
  return {
    version: `${FORMAT_MAJOR}.${h.versionMinor}`,
    key: hex(h.seqKey),
    parentKey: hex(h.parentKey),
    modelFingerprint: hex(h.modelFingerprint),
    tenantTag: hex(h.tenantTag),
    deployEpoch: h.deployEpoch,
    firstPosition: h.firstPosition,
    tokens: h.tokenCount,
    blockTokens: h.blockTokens,
    layers: `${h.layerBegin} to ${h.layerEnd}`,
    kvHeads: `${h.kvHeadBegin} to ${h.kvHeadEnd}`,
    tensorParallel: h.tpSize === 0 ? 'all heads' : `${h.tpRank} of ${h.tpSize}`,
    headDim: `${h.headDimK} (K), ${h.headDimV} (V)`,
    dtype: `${dtypeName(h.dtypeK)} (K), ${dtypeName(h.dtypeV)} (V)`,
    codec: `${codecName(h.codecK)} (K), ${codecName(h.codecV)} (V)`,
    layout: layoutName(h.layout),
    keysRotated: ropeName(h.ropeMode),
    attention: attentionName(h.attention),
    window: h.window,
    quality: qualityName(h.quality),
    errorPpm: h.errorPpm,
    createdUnixMs: h.createdUnixMs,
    producerId: h.producerId.toString(16).padStart(16, '0'),
    recomputeMicros: h.recomputeMicros,
    flags: flagNames(h.flags),
    signature: (h.flags & HeaderFlag.mac) === 0 ? 'none' : 'present; checking it needs the secret of the tenant',
  };
}
