import { hash } from 'node:crypto';
import { bytesOf } from '../bytes.js';
import { kvErrors } from '../errors.js';
import { MAX_BLOCK_TOKENS, requireLittleEndian } from '../limits.js';
import { CHAIN_VERSION, LINK_TOKENS } from './chain-version.js';
import { ascii, checkBytes, KEY_BYTES } from './key-bytes.js';

const LINK_DOMAIN = ascii(`kvblk/${CHAIN_VERSION}\0`);
const EMPTY = new Uint8Array();
const COUNT_AT = LINK_DOMAIN.length + KEY_BYTES;
const TOKENS_AT = COUNT_AT + 4;
const FULL_LINK_BYTES = TOKENS_AT + 4 * LINK_TOKENS + 4;
/** A key is made within one call, so one buffer serves all. */
const scratch = Buffer.alloc(FULL_LINK_BYTES);
scratch.set(LINK_DOMAIN, 0);

/** Token ids in order, one 32-bit word each. */
export type TokenIds = Int32Array | Uint32Array;

/**
 * Key of one link of the chain: names its tokens and, through the parent, every token before them.
 * `SHA-256("kvblk/2\0" || parent || u32le(n) || tokens as u32le || lp(extra))`.
 *
 * @param parent key of the link before, or the root key.
 * @param tokens `LINK_TOKENS`; fewer, at least 1, only in the last link of a chain.
 * @param extra what else decides the KV of these tokens (hashes of images with their offsets), empty for text.
 * @returns 32 bytes.
 * @remarks About a microsecond. Who walks a chain keeps the keys it has.
 */
export function linkKey(parent: Uint8Array, tokens: TokenIds, extra: Uint8Array = EMPTY): Uint8Array {
  requireLittleEndian();
  checkBytes('parent', parent);
  if (tokens.length < 1 || tokens.length > LINK_TOKENS) {
    throw kvErrors.argument('tokens', `A link has 1 to ${LINK_TOKENS} tokens, not ${tokens.length}.`);
  }
  const extraAt = TOKENS_AT + tokens.byteLength;
  const input = extra.length === 0 ? scratch.subarray(0, extraAt + 4) : Buffer.alloc(extraAt + 4 + extra.length);
  input.set(LINK_DOMAIN, 0);
  input.set(parent, LINK_DOMAIN.length);
  input.writeUInt32LE(tokens.length, COUNT_AT);
  input.set(bytesOf(tokens), TOKENS_AT);
  input.writeUInt32LE(extra.length, extraAt);
  input.set(extra, extraAt + 4);
  return hash('sha256', input, 'buffer');
}

/**
 * Key of a block: that of its last link. So the keys of blocks of any size are keys of one chain.
 *
 * @param parent key of the block before, or the root key.
 * @param tokens 1 to `MAX_BLOCK_TOKENS`; a multiple of `LINK_TOKENS` where another block follows.
 * @param extra goes into the first link.
 * @returns 32 bytes.
 */
export function blockKey(parent: Uint8Array, tokens: TokenIds, extra: Uint8Array = EMPTY): Uint8Array {
  if (tokens.length < 1 || tokens.length > MAX_BLOCK_TOKENS) {
    throw kvErrors.argument('tokens', `A block has 1 to ${MAX_BLOCK_TOKENS} tokens, not ${tokens.length}.`);
  }
  let key = linkKey(parent, tokens.subarray(0, LINK_TOKENS), extra);
  for (let begin = LINK_TOKENS; begin < tokens.length; begin += LINK_TOKENS) {
    key = linkKey(key, tokens.subarray(begin, begin + LINK_TOKENS));
  }
  return key;
}

/**
 * Short name of a block for routing tables: the first 8 bytes as a little-endian u64. Two blocks may share it: whoever
 * acts on a match compares full keys.
 */
export function routerHash(key: Uint8Array): bigint {
  checkBytes('key', key);
  return new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0, true);
}
