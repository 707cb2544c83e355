export { equalBytes, toHex } from './bytes.js';
export type { Checksum } from './checksum.js';
export { crc32cTable } from './crc32c-table.js';
export { kvErrors } from './errors.js';
export type { BlockFault } from './errors.js';
export { canonicalJson } from './fingerprint/canonical-json.js';
export type { JsonValue } from './fingerprint/canonical-json.js';
export { modelFingerprint } from './fingerprint/model-fingerprint.js';
export { blockKey, rootKey, routerHash } from './keys/block-keys.js';
export type { TokenIds } from './keys/block-keys.js';
export { KEY_BYTES } from './keys/key-bytes.js';
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
export { QualityClass } from './quality.js';
export { TIERS } from './tier.js';
export type { Tier } from './tier.js';
