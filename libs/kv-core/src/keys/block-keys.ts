import { createHash } from 'node:crypto';
import { bytesOf, lengthPrefixed } from '../bytes.js';
import { kvErrors } from '../errors.js';
import { MAX_BLOCK_TOKENS, requireLittleEndian } from '../limits.js';
import { ascii, checkBytes } from './key-bytes.js';

const ROOT_DOMAIN = ascii('kvroot/1\0');
const BLOCK_DOMAIN = ascii('kvblk/1\0');
const EMPTY = new Uint8Array();

/** Token ids in order, one 32-bit word each. */
export type TokenIds = Int32Array | Uint32Array;

/**
 * What the first block of a chain is chained to. Depends on the namespace's secret, so that no other tenant can predict
 * or hit a key below it.
 *
 * @param adapterDigest digest of a LoRA adapter that is not merged, empty without one.
 * @returns 32 bytes.
 */
export function rootKey(
  modelFingerprint: Uint8Array,
  namespaceKey: Uint8Array,
  adapterDigest: Uint8Array = EMPTY,
): Uint8Array {
  checkBytes('modelFingerprint', modelFingerprint);
  checkBytes('namespaceKey', namespaceKey);
  const hash = createHash('sha256').update(ROOT_DOMAIN).update(modelFingerprint).update(namespaceKey);
  return hash.update(lengthPrefixed(adapterDigest)).digest();
}

/**
 * Key of a block: names its tokens and, through the parent, every token before them.
 * `SHA-256("kvblk/1\0" || parent || u32le(n) || tokens as u32le || lp(extra))`.
 *
 * @param parent key of the block before, or the root key.
 * @param tokens 1 to `MAX_BLOCK_TOKENS`.
 * @param extra what else decides the KV of these tokens (hashes of images with their offsets), empty for text.
 * @returns 32 bytes.
 */
export function blockKey(parent: Uint8Array, tokens: TokenIds, extra: Uint8Array = EMPTY): Uint8Array {
  requireLittleEndian();
  checkBytes('parent', parent);
  if (tokens.length < 1 || tokens.length > MAX_BLOCK_TOKENS) {
    throw kvErrors.argument('tokens', `A block has 1 to ${MAX_BLOCK_TOKENS} tokens, not ${tokens.length}.`);
  }
  const tokensAt = BLOCK_DOMAIN.length + parent.length + 4;
  const extraAt = tokensAt + tokens.byteLength;
  const input = Buffer.allocUnsafe(extraAt + 4 + extra.length);
  input.set(BLOCK_DOMAIN, 0);
  input.set(parent, BLOCK_DOMAIN.length);
  input.writeUInt32LE(tokens.length, tokensAt - 4);
  input.set(bytesOf(tokens), tokensAt);
  input.writeUInt32LE(extra.length, extraAt);
  input.set(extra, extraAt + 4);
  return createHash('sha256').update(input).digest();
}

/**
 * Short name of a block for routing tables: the first 8 bytes as a little-endian u64. Two blocks may share it: whoever
 * acts on a match compares full keys.
 */
export function routerHash(key: Uint8Array): bigint {
  checkBytes('key', key);
  return new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0, true);
}
