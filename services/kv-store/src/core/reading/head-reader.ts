import { type BlockHead, type Checksum, type Namespace, type PrefixIndex, readHead } from '@longhaul/kv-core';
import type { CopyReader } from './copy-reader.js';

export type HeadResult =
  | { readonly kind: 'ok'; readonly head: BlockHead; readonly bytes: Uint8Array }
  | { readonly kind: 'corrupt' | 'not_found' };

export interface HeadParts {
  readonly blocks: PrefixIndex;
  readonly copies: CopyReader;
  readonly checksum: Checksum;
}

/**
 * Reads everything before the first section, checked against what was asked for and against the checksum taken when
 * the block was stored: no bit of it can have changed, the signature and the padding included. Never rejects.
 */
export async function readBlockHead(parts: HeadParts, slot: number, namespace: Namespace): Promise<HeadResult> {
  const { blocks, checksum, copies } = parts;
  const expected = { namespace, seqKey: blocks.keyOf(slot), objectBytes: blocks.bytesOf(slot) };
  const heads: BlockHead[] = [];
  const result = await copies.read(slot, {
    offset: 0,
    length: blocks.headBytesOf(slot),
    check: (bytes) => {
      if (checksum(bytes) !== blocks.headCrc32cOf(slot)) throw new Error('The head of the block is damaged.');
      heads.push(readHead(bytes, expected));
    },
  });
  if (result.kind !== 'ok') return result;
  const head = heads.at(-1);
  return head ? { kind: 'ok', head, bytes: result.bytes } : { kind: 'not_found' };
}
