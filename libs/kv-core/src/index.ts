export { equalBytes, toHex } from './bytes.js';
export type { Checksum } from './checksum.js';
export { crc32cCombine, crc32cShift } from './crc32c-combine.js';
export { crc32cTable } from './crc32c-table.js';
export { kvErrors } from './errors.js';
export type { BlockFault } from './errors.js';
export { GdsfPolicy } from './eviction/gdsf-policy.js';
export type { GdsfOptions } from './eviction/gdsf-policy.js';
export { BlockEventFollower } from './events/block-event-follower.js';
export type { FollowerCounts, FollowerOptions, FollowOutcome, ResyncReason } from './events/block-event-follower.js';
export { BlockView } from './events/block-view.js';
export type { BlockPlace, ViewedBlock } from './events/block-view.js';
export { allocateBlock } from './format/allocate-block.js';
export type { BlockWriter, SealOptions } from './format/allocate-block.js';
export type { BlockSpec } from './format/block-spec.js';
export type { BlockHead, BlockHeader, BlockSection } from './format/block-header.js';
export { headBytesOf, rawObjectBytes } from './format/block-plan.js';
export {
  ALL_LAYERS,
  AttentionKind,
  BlockCodec,
  BlockDtype,
  BlockLayout,
  FORMAT_MAJOR,
  FORMAT_MINOR,
  HEADER_BYTES,
  HeaderFlag,
  RopeMode,
  SECTION_ALIGNMENT,
  SectionKind,
} from './format/constants.js';
export { isEarlierFormat } from './format/earlier-format.js';
export { requireImportable } from './format/raw-geometry.js';
export { layerSectionBytes, layerSectionKinds } from './format/raw-geometry.js';
export type { LayerSectionKind, RawGeometry, RawKeyDtype, RawValueDtype } from './format/raw-geometry.js';
export { readHead } from './format/read-head.js';
export type { ExpectedBlock } from './format/read-head.js';
export { readHeader } from './format/read-header.js';
export { compareTokens, findSection, sectionsOfLayers } from './format/sections.js';
export {
  sectionBytes,
  verifyBlock,
  verifyDigest,
  verifyHeadPadding,
  verifyMac,
  verifySection,
} from './format/verify-block.js';
export type { VerifyOptions } from './format/verify-block.js';
export { modelFingerprint } from './fingerprint/model-fingerprint.js';
export { blockKey, linkKey, routerHash } from './keys/block-keys.js';
export type { TokenIds } from './keys/block-keys.js';
export { CHAIN_VERSION, LINK_TOKENS } from './keys/chain-version.js';
export { KEY_BYTES } from './keys/key-bytes.js';
export { keyName } from './keys/key-name.js';
export { rootKey } from './keys/root-key.js';
export type { KvVariant } from './keys/root-key.js';
export { parseTenantSecret } from './keys/tenant-secret.js';
export {
  deriveNamespaceKey,
  macKey,
  MIN_TENANT_SECRET_BYTES,
  namespaceId,
  tenantTag,
  TENANT_TAG_BYTES,
} from './keys/namespace-keys.js';
export { MAX_BLOCK_TOKENS, MAX_OBJECT_BYTES, MAX_SECTIONS } from './limits.js';
export type { Namespace } from './namespace.js';
export type * from './ports/block-events.js';
export type * from './ports/block-store.js';
export type * from './ports/block-tier.js';
export { NO_BLOCK } from './prefix-index/block-record.js';
export type { BlockFacts, BlockHandle } from './prefix-index/block-record.js';
export { PrefixIndex } from './prefix-index/prefix-index.js';
export type { PrefixIndexOptions } from './prefix-index/prefix-index.js';
export { QualityClass } from './quality.js';
export { TIERS } from './tier.js';
export type { Tier } from './tier.js';
