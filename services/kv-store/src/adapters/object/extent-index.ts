import type { Checksum } from '@longhaul/kv-core';
import {
  decodeFooter,
  decodeIndex,
  ENTRY_BYTES,
  FOOTER_BYTES,
  type ExtentEntry,
  type ExtentFooter,
} from './extent-format.js';
import type { ObjectBucket } from './object-bucket.js';
import { tierErrors } from './tier-errors.js';

/** The end of an extent that is read at first; holds footer and index of 101 objects. */
const TAIL_BYTES = 8 * 1024;

export interface ExtentIndex {
  readonly footer: ExtentFooter;
  readonly entries: readonly ExtentEntry[];
}

/**
 * Reads what is in a stored extent: one request, two for an extent of very many objects.
 *
 * @param bytes length of the extent, from a listing.
 * @throws AppError `KV_CORRUPT` for a damaged or foreign extent, `KV_NOT_FOUND` for one that is gone.
 */
export async function readExtentIndex(
  bucket: ObjectBucket,
  extent: { readonly name: string; readonly bytes: number },
  checksum: Checksum,
): Promise<ExtentIndex> {
  const { name, bytes } = extent;
  if (bytes < FOOTER_BYTES) throw tierErrors.corrupt('An extent is shorter than its footer.');
  const tail = new Uint8Array(Math.min(bytes, TAIL_BYTES));
  const tailAt = bytes - tail.length;
  await bucket.read(name, tailAt, tail);
  const footer = decodeFooter(tail.subarray(tail.length - FOOTER_BYTES), bytes, checksum);
  let index = tail.subarray(Math.max(0, footer.indexOffset - tailAt), tail.length - FOOTER_BYTES);
  if (footer.indexOffset < tailAt) {
    index = new Uint8Array(footer.entries * ENTRY_BYTES);
    await bucket.read(name, footer.indexOffset, index);
  }
  return { footer, entries: decodeIndex(index, footer, checksum) };
}
