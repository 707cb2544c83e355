import { readHeader, type BlockHeader } from '@longhaul/kv-core';
import { readLoggedBlock, type LoggedBlock, type LogListing } from '@longhaul/kv-store';
import { AppError } from '@longhaul/kernel';

const HEADER_BYTES = 256;

/** The header of a block in the log; null when the object does not begin with a sound one. */
export async function storedHeader(listing: LogListing, block: LoggedBlock): Promise<BlockHeader | null> {
  const objectBytes = Math.min(block.objectBytes, HEADER_BYTES);
  const bytes = await readLoggedBlock(listing, { ...block, objectBytes });
  try {
    return readHeader(bytes);
  } catch (error) {
    if (AppError.isInstance(error)) return null;
    throw error;
  }
}
