import { bytesOf } from '../bytes.js';
import type { Checksum } from '../checksum.js';
import { kvErrors } from '../errors.js';
import { checkBytes } from '../keys/key-bytes.js';
import { tenantTag } from '../keys/namespace-keys.js';
import { requireLittleEndian } from '../limits.js';
import { planRawBlock, type BlockPlan } from './block-plan.js';
import type { BlockSpec } from './block-spec.js';
import { layerSectionKinds, SHARED_SECTIONS, type LayerSectionKind } from './raw-geometry.js';
import { sealBlock } from './seal-block.js';

export interface SealOptions {
  readonly checksum: Checksum;
  /** Signs the head, and digests every section so that the signature covers the payload. Null: CRC only. */
  readonly macKey?: Uint8Array | null;
}

/** A block being written. Not shared between writers. */
export interface BlockWriter {
  /** The object. Valid as a block after `seal`. */
  readonly bytes: Uint8Array;
  /**
   * A section of one layer, to be filled in place: K or V, `[kvHeads][tokens][headDim]`, or where the dtype has scales
   * those, `[kvHeads][tokens]`.
   */
  section(kind: LayerSectionKind, layer: number): Uint8Array;
  /** Computes checksums and writes the head. Once; the bytes must not change afterwards. Returns `bytes`. */
  seal(options: SealOptions): Uint8Array;
}

/**
 * Lays out one object for a raw block and writes its tokens; the caller fills K and V in place, then seals.
 *
 * @param into memory to use, at least `rawObjectBytes(geometry, tokens.length)`; its old contents do not show. New
 * memory without it.
 * @throws AppError `INVALID_ARGUMENT` by field, `KV_UNSUPPORTED` for dtypes that raw blocks do not have.
 */
export function allocateBlock(spec: BlockSpec, into?: Uint8Array): BlockWriter {
  requireLittleEndian();
  const plan = planRawBlock(spec.geometry, spec.tokens.length);
  checkSpec(spec);
  if (into !== undefined && into.length < plan.objectBytes) {
    throw kvErrors.argument('into', `into has ${into.length} bytes; the block needs ${plan.objectBytes}.`);
  }
  const bytes = into?.subarray(0, plan.objectBytes) ?? new Uint8Array(plan.objectBytes);
  if (into !== undefined) clearPadding(bytes, plan);
  bytes.set(bytesOf(spec.tokens), plan.headBytes);
  let sealed = false;
  const kinds = layerSectionKinds(spec.geometry);
  return {
    bytes,
    section(kind, layer) {
      const ofLayer = kinds.indexOf(kind);
      if (ofLayer < 0) throw kvErrors.argument('kind', `Blocks of this dtype have no sections of kind ${kind}.`);
      const section = plan.sections[SHARED_SECTIONS + kinds.length * (layer - spec.geometry.layerBegin) + ofLayer];
      if (sealed) throw kvErrors.argument('section', 'The block is sealed.');
      if (section?.layer !== layer) throw kvErrors.argument('layer', `Layer ${layer} is not in this block.`);
      return bytes.subarray(section.offset, section.offset + section.storedBytes);
    },
    seal(options) {
      if (sealed) throw kvErrors.argument('seal', 'The block is sealed.');
      sealed = true;
      sealBlock({ spec, plan, bytes, checksum: options.checksum, macKey: options.macKey ?? null });
      return bytes;
    },
  };
}

function clearPadding(bytes: Uint8Array, plan: BlockPlan): void {
  bytes.fill(0, 0, plan.headBytes);
  plan.sections.forEach((section, i) => {
    bytes.fill(0, section.offset + section.storedBytes, plan.sections[i + 1]?.offset ?? plan.objectBytes);
  });
}

function checkSpec(spec: BlockSpec): void {
  checkBytes('namespace.modelFingerprint', spec.namespace.modelFingerprint);
  tenantTag(spec.namespace.id);
  checkBytes('seqKey', spec.seqKey);
  checkBytes('parentKey', spec.parentKey);
  const range = (field: string, value: number, low: number, high: number): void => {
    if (Number.isInteger(value) && value >= low && value <= high) return;
    throw kvErrors.argument(field, `${field} is ${value}; it must be ${low} to ${high}.`);
  };
  range('firstPosition', spec.firstPosition, 0, 2 ** 32 - spec.tokens.length);
  // Sparse blocks need a positions section, which the writer of raw blocks does not make.
  range('quality', spec.quality, 1, 4);
  range('createdUnixMs', spec.createdUnixMs, 0, Number.MAX_SAFE_INTEGER);
  range('namespace.deployEpoch', spec.namespace.deployEpoch, 0, 0xffffffff);
  if (!(spec.recomputeMicros >= 0)) throw kvErrors.argument('recomputeMicros', 'recomputeMicros must be 0 or more.');
  if (spec.producerId < 0n || spec.producerId >= 1n << 64n) {
    throw kvErrors.argument('producerId', 'producerId must be an unsigned 64-bit number.');
  }
}
