import { crc32cTable } from '../crc32c-table.js';
import { modelFingerprint } from '../fingerprint/model-fingerprint.js';
import { allocateBlock } from '../format/allocate-block.js';
import type { BlockSpec } from '../format/block-spec.js';
import { BlockDtype } from '../format/constants.js';
import { layerSectionKinds, type RawGeometry } from '../format/raw-geometry.js';
import { blockKey } from '../keys/block-keys.js';
import { deriveNamespaceKey, macKey, namespaceId } from '../keys/namespace-keys.js';
import { rootKey } from '../keys/root-key.js';
import { QualityClass } from '../quality.js';
import { Random } from './random.js';

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const fingerprint = modelFingerprint({ model: 'sample' });
const namespaceKey = deriveNamespaceKey(secret, 'tenant-a', 'salt-x');

/** Key that signed samples are signed with. */
export const SAMPLE_MAC_KEY = macKey(namespaceKey);

export const SAMPLE_GEOMETRY: RawGeometry = {
  layerBegin: 0,
  layerEnd: 2,
  kvHeads: 2,
  headDimK: 8,
  headDimV: 8,
  dtypeK: BlockDtype.bf16,
  dtypeV: BlockDtype.bf16,
  blockTokens: 16,
};

export interface SampleOptions {
  readonly geometry?: Partial<RawGeometry>;
  readonly tokens?: number;
  readonly signed?: boolean;
  readonly seed?: number;
}

/** What a sample says of itself: fixed values, so that the same options give the same bytes on every machine. */
export function sampleSpec(options: SampleOptions = {}): BlockSpec {
  const geometry = { ...SAMPLE_GEOMETRY, ...options.geometry };
  const tokens = Uint32Array.from({ length: options.tokens ?? geometry.blockTokens }, (_, i) => 100 + i);
  const parentKey = rootKey(fingerprint, namespaceKey);
  return {
    namespace: {
      modelFingerprint: fingerprint,
      id: namespaceId(namespaceKey),
      tenant: 'tenant-a',
      deployEpoch: 3,
    },
    geometry,
    seqKey: blockKey(parentKey, tokens),
    parentKey,
    firstPosition: 0,
    tokens,
    quality: QualityClass.exact,
    createdUnixMs: 1_760_000_000_000,
    producerId: 0x0123456789abcdefn,
    recomputeMicros: 12_345,
  };
}

/** A sealed block with repeatable bytes for K and V. */
export function sampleBlock(options: SampleOptions = {}): Uint8Array {
  const spec = sampleSpec(options);
  const writer = allocateBlock(spec);
  const random = new Random(options.seed ?? 7);
  for (let layer = spec.geometry.layerBegin; layer < spec.geometry.layerEnd; layer++) {
    for (const kind of layerSectionKinds(spec.geometry)) random.fill(writer.section(kind, layer));
  }
  return writer.seal({ checksum: crc32cTable, macKey: options.signed ? SAMPLE_MAC_KEY : null });
}
