import { createHash } from 'node:crypto';
import { PAGE_TOKENS } from '../limits.js';

/** What makes KV of equal tokens unequal. Every field is part of the root of the hash chain. */
export interface CacheNamespace {
  modelFingerprint: string;
  /** Names the arithmetic, for instance `bf16`. */
  numericsId: string;
  ropeKey: string;
  /** The tenant's salt. */
  cacheSalt: string;
}

/** SHA-256 key of a block: identifies all tokens up to its end, within one namespace. */
export type BlockKey = Buffer;

/** Key that the first block's key is chained to. */
export function rootKey(namespace: CacheNamespace): BlockKey {
  const hash = createHash('sha256').update('kvroot/1\0');
  const { modelFingerprint, numericsId, ropeKey, cacheSalt } = namespace;
  for (const part of [modelFingerprint, numericsId, ropeKey, cacheSalt]) hash.update(lengthPrefixed(part));
  return hash.digest();
}

/**
 * Key of one full block: `SHA-256("kvblk/1\0" || parent || u32le(n) || tokens as u32le || lp(""))`.
 *
 * @param tokens exactly PAGE_TOKENS tokens.
 */
export function blockKey(parent: BlockKey, tokens: Int32Array): BlockKey {
  if (tokens.length !== PAGE_TOKENS) throw new RangeError(`a block has ${PAGE_TOKENS} tokens, not ${tokens.length}`);
  const head = PREFIX.length + parent.length;
  const bytes = Buffer.alloc(head + 4 + 4 * tokens.length + 4);
  PREFIX.copy(bytes);
  parent.copy(bytes, PREFIX.length);
  bytes.writeUInt32LE(tokens.length, head);
  for (let i = 0; i < tokens.length; i++) bytes.writeUInt32LE((tokens[i] as number) >>> 0, head + 4 + 4 * i);
  return createHash('sha256').update(bytes).digest();
}

const PREFIX = Buffer.from('kvblk/1\0', 'latin1');

function lengthPrefixed(text: string): Buffer {
  const body = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}
